// BullMQ; its jobs are removed when they are done, as its own page on production advises.
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { atOnce, measured, message, messages, post, store } from "./turn.mjs";

const connection = new Redis({ host: "127.0.0.1", port: Number(store), maxRetriesPerRequest: null });
const queue = new Queue("post", { connection, defaultJobOptions: { removeOnComplete: true, attempts: 7 } });
await queue.obliterate({ force: true });
for (let first = 1; first <= Number(messages); first += 1000) {
  const some = Math.min(1000, Number(messages) - first + 1);
  await queue.addBulk(Array.from({ length: some }, (_, n) => ({ name: "post", data: message(first + n) })));
}
const worker = new Worker("post", (job) => post(job.data), { connection, concurrency: Number(atOnce), autorun: false });
await worker.waitUntilReady();

await measured(
  () => void worker.run(),
  async () => {
    await worker.close();
    if ((await queue.getJobCountByTypes("waiting", "active", "delayed")) !== 0) throw new Error("jobs are left");
  },
);
