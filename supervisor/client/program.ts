/** The Overmind that this process runs from: the bundles of one build, in one folder. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Program {
  /** Holds the bundles and build-id. Absolute. */
  readonly folder: string;
  readonly version: string;
  readonly buildId: string;
}

/** `folder` is this file's own when absent: esbuild bundles it, so that is the bundle's. */
export function runningProgram(folder: string = import.meta.dirname): Program {
  return { folder, version: OVERMIND_VERSION, buildId: buildIdIn(folder) };
}

function buildIdIn(folder: string): string {
  try {
    return readFileSync(join(folder, "build-id"), "utf8").trim();
  } catch {
    return "unbuilt"; // Run from sources: only a build has an id.
  }
}
