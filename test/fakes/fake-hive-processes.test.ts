import { streamId } from "../../schemas/segment.ts";
import { processesContract } from "../contracts/processes-contract.ts";
import { createFakeHive } from "./fake-hive.ts";

let lastSession = 0;

processesContract("the fake hive", () => {
  const hive = createFakeHive({
    now: () => 1,
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return { dispose: () => clearTimeout(timer) };
    },
  });
  return Promise.resolve({
    hive,
    spec: (key) => ({
      key,
      argv: ["worker"],
      cwd: "/",
      environment: {},
      stdio: "pipes",
      size: { columns: 80, rows: 24 },
    }),
    newKey() {
      lastSession += 1;
      return { sessionId: `session${lastSession}`, process: "main", attempt: 1 };
    },
    exit(key, code) {
      hive.exit(key.sessionId, { code, signal: null });
      return Promise.resolve();
    },
    markers: (key) =>
      Promise.resolve(
        hive.records.flatMap(({ stream, record }) => (stream === streamId(key) && "id" in record ? [record.id] : [])),
      ),
    typed: (key) => Promise.resolve(hive.typed.flatMap(({ stream, text }) => (stream === streamId(key) ? [text] : []))),
    dispose: () => Promise.resolve(),
  });
});
