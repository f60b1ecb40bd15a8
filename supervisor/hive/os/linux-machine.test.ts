import { expect, test } from "vitest";
import { linuxMachine, parseGroupMemory, parseMemoryInfo, parseShownEnvironment, within } from "./linux-machine.ts";

const GIB = 2 ** 30;
const NOTHING = { limit: "", used: "", stat: "" };

/** Recorded from a kernel 6.1. */
const MEMORY_INFO = `MemTotal:       16316412 kB
MemFree:          581920 kB
MemAvailable:    9412344 kB
Buffers:          412312 kB
Cached:          8214004 kB
HugePages_Total:       0
`;

test("/proc/meminfo: what can be had without swapping counts as free", () => {
  expect(parseMemoryInfo(MEMORY_INFO)).toEqual({ freeBytes: 9412344 * 1024, totalBytes: 16316412 * 1024 });
});

test.each(["", "MemTotal: 1 kB\n", "MemAvailable: 1 kB\n"])("no such file: %j", (text) => {
  expect(parseMemoryInfo(text)).toBeUndefined();
});

test("a control group: its limit, less what it uses, its idle file pages apart", () => {
  const used = String(1.5 * GIB);
  const stat = `anon 123\ninactive_file ${GIB / 2}\nactive_file 77\n`;
  expect(parseGroupMemory({ limit: `${2 * GIB}\n`, used, stat })).toEqual({ freeBytes: GIB, totalBytes: 2 * GIB });
  expect(parseGroupMemory({ limit: String(GIB), used, stat: "" })).toEqual({ freeBytes: 0, totalBytes: GIB });
});

test("an old control group: those below it count too", () => {
  const stat = `inactive_file 8192\nactive_file 1\ntotal_inactive_file ${GIB}\n`;
  const group = { limit: String(2 * GIB), used: String(2 * GIB), stat };
  expect(parseGroupMemory(group)).toEqual({ freeBytes: GIB, totalBytes: 2 * GIB });
});

test.each([["max\n"], [""]])("a control group whose limit is %j limits nothing", (limit) => {
  expect(parseGroupMemory({ limit, used: "100", stat: "" })).toBeUndefined();
});

test("the least of the machine and of all groups around us rules", () => {
  const system = { freeBytes: 6 * GIB, totalBytes: 16 * GIB };
  expect(within(system, [NOTHING])).toEqual(system);
  // The old control groups' way to say that there is no limit.
  expect(within(system, [{ ...NOTHING, limit: "9223372036854771712", used: "1000" }])).toEqual(system);
  const inner = { ...NOTHING, limit: String(8 * GIB), used: String(GIB) };
  const outer = { ...NOTHING, limit: String(10 * GIB), used: String(9 * GIB) };
  expect(within(system, [inner, outer])).toEqual({ freeBytes: GIB, totalBytes: 8 * GIB });
});

test("systemctl --user show-environment", () => {
  const shown = parseShownEnvironment(
    "HOME=/home/me\nSSH_AUTH_SOCK=/run/user/1000/keyring/ssh\nEMPTY=\nODD=$'a\\tb\\n\\'c\\' \\\\ \\101'\nEQUAL=a=b\nno variable\n",
  );
  expect({ ...shown }).toEqual({
    HOME: "/home/me",
    SSH_AUTH_SOCK: "/run/user/1000/keyring/ssh",
    EMPTY: "",
    ODD: "a\tb\n'c' \\ A",
    EQUAL: "a=b",
  });
});

test("this very machine", async (context) => {
  context.skip(process.platform !== "linux", "there is no /proc");
  const memory = await linuxMachine.memory();
  expect(memory?.freeBytes).toBeGreaterThan(0);
  expect(memory?.totalBytes).toBeGreaterThan(memory?.freeBytes ?? 0);
});
