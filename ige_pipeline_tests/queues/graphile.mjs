// graphile-worker as its own page on performance tunes it: a local queue, completions in batches.
import { Logger, makeWorkerUtils, run, runMigrations } from "graphile-worker";
import pg from "pg";
import { ahead, atOnce, measured, message, messages, post, store } from "./turn.mjs";

const pgPool = new pg.Pool({ connectionString: store, max: 10 });
pgPool.on("error", (error) => { throw error; });
const logger = new Logger(() => () => {});
await runMigrations({ pgPool, logger });
await pgPool.query("TRUNCATE graphile_worker._private_jobs");
const utils = await makeWorkerUtils({ pgPool, logger });
for (let first = 1; first <= Number(messages); first += 1000) {
  const some = Math.min(1000, Number(messages) - first + 1);
  await utils.addJobs(Array.from({ length: some }, (_, n) => ({ identifier: "post", payload: message(first + n) })));
}
await pgPool.query("VACUUM ANALYZE graphile_worker._private_jobs");
await pgPool.query("CHECKPOINT");

let runner;
await measured(
  async () => {
    runner = await run({
      pgPool,
      logger,
      noHandleSignals: true,
      taskList: { post },
      preset: {
        worker: {
          concurrentJobs: Number(atOnce),
          pollInterval: 2000,
          localQueue: { size: Number(ahead) },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    });
  },
  async () => {
    await runner.stop();
    const { rows } = await pgPool.query("SELECT count(*)::integer AS left FROM graphile_worker._private_jobs");
    if (rows[0].left !== 0) throw new Error(`${rows[0].left} jobs are left`);
  },
);
