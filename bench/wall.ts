/** The wall time of whole commands. */
import { spawnSync } from "node:child_process";
import type { World } from "../test/harness/world.ts";

/** Runs `node ARGV...` in the world's project and returns how long it took. Throws when it fails, unless it may. */
export function wallMs(world: World, argv: readonly string[], mayFail = false): number {
  const begun = performance.now();
  const { status, stderr } = spawnSync(process.execPath, argv, {
    cwd: world.project,
    env: world.environment,
    encoding: "utf8",
  });
  const tookMs = performance.now() - begun;
  if (status !== 0 && !mayFail) throw new Error(`${argv.join(" ")} ended with ${status}: ${stderr}`);
  return tookMs;
}
