/**
 * The `overmind` executable. What must start as fast as Node itself is answered here; all else is cli.cjs, through V8's
 * code cache. It loads no library, and a part that is rarely needed only when it is.
 */
import { writeSync } from "node:fs";
import { targetOf } from "../client/endpoint.ts";
import { runningProgram } from "../client/program.ts";
import { answerHot, COMPLETE, hotRequest } from "./hot-path.ts";

/** Commands of another well-known program named overmind, which none of ours may ever be called. */
const THEIRS: readonly (string | undefined)[] = ["start", "s", "connect", "echo", "quit"];
const VERSION: readonly (string | undefined)[] = ["--version", "-V"];

async function main(argv: readonly string[]): Promise<void> {
  if (THEIRS.includes(argv[0])) {
    const { handOver } = await import("./hand-over.ts");
    handOver(argv);
    return;
  }
  if (VERSION.includes(argv[0]) && argv.length === 1) {
    const { version, buildId } = runningProgram();
    writeSync(1, `overmind ${version} (${buildId})\n`);
    return;
  }
  const target = targetOf(process.env);
  const request = hotRequest(argv);
  if (request !== undefined) await answerHot(request, target);
  if (argv[0] === COMPLETE) return;
  const { loadBundle } = await import("../client/load-bundle.ts");
  loadBundle("cli", {
    program: runningProgram(),
    cacheFolder: target.kind === "home" ? target.layout.cache : undefined,
  });
}

void main(process.argv.slice(2));
