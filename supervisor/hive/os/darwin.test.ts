import { expect, test } from "vitest";
import { parseCpuTime, parseEnvironments, parseProcessList } from "./darwin.ts";

/** In the format that ps(1) of macOS documents and prints in the C locale. */
const LIST = `    1     0     1     0 Mon Nov 23 08:01:02 2026  18432   4:03.21 Ss   /sbin/launchd
 4242  4241  4242   501 Tue Nov 24 09:10:11 2026   2048   0:00.12 Ss+  -zsh
 4300  4242  4300   501 Tue Nov  3 09:10:12 2026  98304   1-02:03:04.50 R+   /usr/local/bin/node my agent.js --name a b
 4301  4242  4300   501 Tue Nov 24 09:10:13 2026      0   0:00.00 Z+   (sh)
 4302     1  4302   501 Tue Nov 24 09:10:14 2026    512   0:00.01 S
ps: something else
`;

test("a process list", () => {
  const entries = parseProcessList(LIST);
  expect([...entries.keys()]).toEqual([1, 4242, 4300, 4301, 4302]);
  expect(entries.get(4300)).toEqual({
    pid: 4300,
    parentPid: 4242,
    groupId: 4300,
    sessionLeader: 0,
    startTime: "Tue Nov  3 09:10:12 2026",
    startOrder: Date.parse("Tue Nov 3 09:10:12 2026"),
    isZombie: false,
    cpuSeconds: 86_400 + 2 * 3600 + 3 * 60 + 4.5,
    memoryBytes: 96 << 20,
    userId: 501,
    command: "/usr/local/bin/node my agent.js --name a b",
  });
  expect(entries.get(4301)?.isZombie).toBe(true);
  expect(entries.get(4302)?.command).toBe("");
});

test("CPU times", () => {
  expect(parseCpuTime("0:00.12")).toBeCloseTo(0.12);
  expect(parseCpuTime("123:45.00")).toBe(123 * 60 + 45);
  expect(parseCpuTime("2-00:00:01")).toBe(2 * 86_400 + 1);
});

test("marks in environments", () => {
  const marks = parseEnvironments(
    " 10 /bin/sh -c x PATH=/bin OVERMIND_SESSION_ID=abcdefghijkl HOME=/x\n 11 node host.cjs OVERMIND_DAEMON=host A=1\n 12 zsh MY_OVERMIND_DAEMON=1\n",
  );
  expect(marks.get(10)).toEqual({ sessionId: "abcdefghijkl", isDaemon: false });
  expect(marks.get(11)).toEqual({ isDaemon: true });
  expect(marks.get(12)).toEqual({ isDaemon: false });
});
