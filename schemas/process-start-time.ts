/**
 * How a process's start time is written down, so that a pid that is used again is not taken for the one before it. The
 * supervisor, its clients and the process host each read it for themselves and must write the same.
 */

/** Names the present boot: ticks count from it, so that after a reboot another process may have the same. */
export const LINUX_BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";
/** Enough to tell one boot from the next. */
const BOOT_ID_CHARACTERS = 8;

/** Clock ticks since boot (proc(5), field 22) with the boot they count from; the ticks alone where no boot id is known. */
export function linuxStartTime(ticks: string, bootId: string): string {
  const boot = bootId.trim().slice(0, BOOT_ID_CHARACTERS);
  return boot === "" ? ticks : `${ticks}@${boot}`;
}
