import { expect, test } from "vitest";
import { parseVmStat } from "./darwin-machine.ts";

/** In the format that vm_stat(1) of macOS prints. */
const VM_STAT = `Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               13422.
Pages active:                            344512.
Pages inactive:                          337611.
Pages speculative:                         5893.
Pages throttled:                              0.
Pages wired down:                        167530.
Pages purgeable:                           4012.
"Translation faults":                 917214221.
File-backed pages:                       204812.
Swapins:                                      0.
`;

test("what is free, read ahead or idle can be had", () => {
  expect(parseVmStat(VM_STAT)).toBe((13422 + 5893 + 337611) * 16384);
});

test.each(["", "Pages free: 12.\n", "(page size of 4096 bytes)\n"])("no such output: %j", (text) => {
  expect(parseVmStat(text)).toBeUndefined();
});
