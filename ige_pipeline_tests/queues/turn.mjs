// What both queues have in common: the POST, and one measured turn. Python measures the servers' CPU between the lines.
import { createInterface } from "node:readline";
import { Pool } from "undici";

export const [, , webhook, store, messages, atOnce, ahead] = process.argv;
const at = new URL(webhook);
const pool = new Pool(at.origin, { connections: Number(atOnce) });
const headers = { "content-type": "application/json" };
const done = Promise.withResolvers?.() ?? deferred();
let posted = 0;

function deferred() {
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}

export async function post(message) {
  const answer = await pool.request({ path: at.pathname, method: "POST", headers, body: JSON.stringify(message) });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`HTTP ${answer.statusCode}`);
  if (++posted === Number(messages)) done.resolve();
}

export const message = (n) => ({ message_id: n, message: "x".repeat(380) });

// `start` begins to work; `finish` waits until the last mark is made. What is printed: seconds, and our CPU seconds.
export async function measured(start, finish) {
  const told = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  console.log("ready");
  await told.next();
  const [began, before] = [performance.now(), process.cpuUsage()];
  await start();
  await done.promise;
  await finish();
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ seconds: (performance.now() - began) / 1000, cpu_s: (user + system) / 1e6 }));
  await told.next();
  process.exit(0);
}
