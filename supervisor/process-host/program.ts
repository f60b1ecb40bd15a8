/** Whether a program can be started, found out before anything is made, so that what cannot be is said in words. */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { type Fault, fault } from "../../schemas/fault.ts";
import type { ProcessSpec } from "../../schemas/host-protocol.ts";
import { errorCode } from "./report.ts";

/** What the C library searches when there is no PATH. */
const DEFAULT_PATH = "/bin:/usr/bin";
/** The kernel's own limits: one string, and a share of the stack for all of them. */
const MAX_ARGUMENT_BYTES = (128 << 10) - 1;
const MAX_ARGUMENTS_BYTES = 2 << 20;
/** Longer than any honest first line. */
const FIRST_LINE_BYTES = 256;

/** Why the program cannot be started, or undefined. */
export function obstacleTo(spec: ProcessSpec): Fault | undefined {
  return obstacleInFolder(spec.cwd) ?? obstacleInProgram(spec) ?? obstacleInLength(spec);
}

function obstacleInFolder(cwd: string): Fault | undefined {
  const found = attempt(() => statSync(cwd).isDirectory());
  if (found === true) return undefined;
  if (found === false) return fault("folder-not-found", `${cwd} is not a folder`);
  const why = found === "EACCES" ? "cannot be entered" : "does not exist";
  return fault("folder-not-found", `the folder ${cwd} ${why}`, {
    hint: found === "EACCES" ? "check the permissions of the folders above it" : "check the path, or make the folder",
  });
}

function obstacleInProgram({ argv, cwd, environment }: ProcessSpec): Fault | undefined {
  const [name = ""] = argv;
  const path = environment.PATH ?? DEFAULT_PATH;
  const candidates = name.includes("/") ? [name] : path.split(delimiter).map((folder) => `${folder || "."}/${name}`);
  let found: string | undefined;
  for (const candidate of candidates) {
    const file = resolve(cwd, candidate);
    if (attempt(() => statSync(file).isFile()) !== true) continue;
    if (attempt(() => accessSync(file, constants.X_OK)) === undefined) return obstacleInInterpreter(file);
    found ??= file;
  }
  if (found !== undefined) {
    return fault("program-not-executable", `${found} may not be executed`, { hint: `chmod +x ${found}` });
  }
  if (!name.includes("/")) {
    return fault("program-not-found", `no program named ${name} is in PATH (${path})`, {
      hint: "check its name, or name it by its path",
    });
  }
  const [file = name] = candidates.map((candidate) => resolve(cwd, candidate));
  if (attempt(() => statSync(file).isDirectory()) === true) {
    return fault("program-not-executable", `${file} is a folder`);
  }
  return fault("program-not-found", `no program ${file} exists`, { hint: "check its path" });
}

/** A script whose interpreter is missing would only say "not found", of itself. */
function obstacleInInterpreter(file: string): Fault | undefined {
  const head = firstBytes(file);
  const interpreter = head?.startsWith("#!") === true ? /^#![ \t]*([^ \t\n]+)/.exec(head)?.[1] : undefined;
  if (interpreter === undefined || attempt(() => statSync(interpreter).isFile()) !== "ENOENT") return undefined;
  const carriageReturn = interpreter.endsWith("\r");
  return fault(
    "program-not-executable",
    `${file} is a script for ${JSON.stringify(interpreter)}, which does not exist`,
    {
      hint: carriageReturn
        ? "its lines end with CR LF: save it with LF"
        : "install the interpreter, or mend the first line",
    },
  );
}

function obstacleInLength({ argv, environment }: ProcessSpec): Fault | undefined {
  const strings = [...argv, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)];
  const lengths = strings.map((text) => Buffer.byteLength(text));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (total <= MAX_ARGUMENTS_BYTES && lengths.every((length) => length <= MAX_ARGUMENT_BYTES)) return undefined;
  return fault("invalid-params", `arguments and environment are too long: ${total} bytes in all`, {
    hint: `the system takes ${MAX_ARGUMENT_BYTES} bytes each and ${MAX_ARGUMENTS_BYTES} together: use a file`,
  });
}

function firstBytes(path: string): string | undefined {
  const file = attempt(() => openSync(path, "r"));
  if (typeof file !== "number") return undefined;
  const bytes = Buffer.alloc(FIRST_LINE_BYTES);
  const length = attempt(() => readSync(file, bytes, 0, bytes.length, 0));
  closeSync(file);
  return bytes.toString("latin1", 0, typeof length === "number" ? length : 0);
}

/** What it returns, or the system's error code. */
function attempt<T>(ask: () => T): T | string {
  try {
    return ask();
  } catch (error) {
    return errorCode(error) ?? "unknown";
  }
}
