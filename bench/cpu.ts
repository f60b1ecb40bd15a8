/** Processor time of our own processes, from /proc. */
import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

/** Seconds that these processes have spent so far, together. */
export function cpuSeconds(...pids: readonly number[]): number {
  return pids
    .map((pid) => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    })
    .reduce((sum, one) => sum + one, 0);
}

export const pause = (ms: number) => new Promise((wake) => setTimeout(wake, ms));
