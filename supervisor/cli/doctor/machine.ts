/** Doctor: what the machine gives: the home's file system, and limits. */
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { HomeLayout } from "../../../schemas/home.ts";
import type { DoctorCheck } from "../../../schemas/json-output.ts";
import { formatBytes } from "../../../schemas/text/bytes.ts";
import { broken, fine, messageOf, odd } from "./check.ts";

const OTHERS = 0o077;
/** Less is used up by the logs of a few busy sessions. */
const LITTLE_SPACE_BYTES = 1 << 30;
const NO_SPACE_BYTES = 64 << 20;
/** A session takes some five files of the process host, and as many of the supervisor while it is watched. */
const FEW_FILES = 1024;
const FEW_PROCESSES = 1024;
const FEW_WATCHES = 8192;
/** sockaddr_un holds 104 bytes on macOS, 108 on Linux, its NUL included. */
const LONGEST_SOCKET_PATH = 103;
const LIMIT_MS = 5000;

/** File systems on a network, by Linux's magic numbers: locks and SQLite's shared memory do not work on them. */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  26985: "NFS",
  4283649346: "CIFS",
  4266872130: "SMB2",
  20859: "SMB",
  16914839: "9p",
  1702057286: "FUSE",
  1397113167: "AFS",
  12805120: "Ceph",
};
const FUSE = 0x65735546;

export function checkHome({ home }: HomeLayout): DoctorCheck[] {
  const folder = nearestExisting(home);
  const written = tryToWrite(folder);
  if (written !== undefined) {
    return [
      broken(
        "home",
        `cannot write to ${folder}: ${written}`,
        "mend its owner or mode, or set OVERMIND_HOME to a folder of yours",
      ),
    ];
  }
  if (folder !== home) return [fine("home", `${home} will be made with the first session`), ...checkFileSystem(folder)];
  const { mode, uid } = statSync(home);
  const open = process.platform !== "win32" && (mode & OTHERS) !== 0;
  const foreign = process.getuid !== undefined && uid !== process.getuid();
  if (foreign)
    return [broken("home", `${home} belongs to another user (${uid})`, "set OVERMIND_HOME to a folder of yours")];
  const state = open
    ? odd("home", `${home} is open to other users (mode ${(mode & 0o777).toString(8)})`, `chmod 700 ${home}`)
    : fine("home", `${home} is yours alone`);
  return [state, ...checkFileSystem(home)];
}

function checkFileSystem(folder: string): DoctorCheck[] {
  const { type, bavail, bsize } = statfsSync(folder);
  const network = process.platform === "linux" ? NETWORK_FILE_SYSTEMS[type] : undefined;
  const free = bavail * bsize;
  return [
    network === undefined
      ? fine("file-system", "the home is on a local file system")
      : odd(
          "file-system",
          `the home is on ${network}${type === FUSE ? ", which may be on a network" : ""}`,
          "set OVERMIND_HOME to a folder on a local disk: locks and the store are not safe on a network",
        ),
    checkSpace(free),
    checkCase(folder),
  ];
}

export function checkSpace(freeBytes: number): DoctorCheck {
  const message = `${formatBytes(freeBytes)} free`;
  const advice = "make room, or lower totalLogBytes (overmind config list --user)";
  if (freeBytes < NO_SPACE_BYTES) return broken("space", `only ${message}`, advice);
  return freeBytes < LITTLE_SPACE_BYTES ? odd("space", `only ${message}`, advice) : fine("space", message);
}

/** Two sessions' files that differ in case alone would be one there. */
function checkCase(folder: string): DoctorCheck {
  const probe = mkdtempSync(join(folder, ".doctor-case-"));
  try {
    const isBlind = existsSync(join(dirname(probe), probe.slice(dirname(probe).length + 1).toUpperCase()));
    return isBlind
      ? odd(
          "case",
          "the file system takes names that differ in case for one",
          "nothing to do, but two branches that differ in case alone clash",
        )
      : fine("case", "the file system tells upper from lower case");
  } finally {
    rmdirSync(probe);
  }
}

function tryToWrite(folder: string): string | undefined {
  const probe = join(folder, `.doctor-${process.pid}`);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    writeFileSync(probe, "", { mode: 0o600 });
    rmSync(probe);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}

export function checkSocketPath({ mainEndpoint, sessionEndpoint }: HomeLayout): DoctorCheck {
  const longest = [mainEndpoint, sessionEndpoint].reduce((a, b) => (a.length > b.length ? a : b));
  if (process.platform === "win32" || Buffer.byteLength(longest) <= LONGEST_SOCKET_PATH)
    return fine("socket", `sockets in ${dirname(longest)}`);
  return broken("socket", `the path of a socket is too long: ${longest}`, "set OVERMIND_HOME to a shorter path");
}

/** Of this shell; the supervisor has those of whoever starts it. */
export function checkLimits(): DoctorCheck[] {
  if (process.platform === "win32") return [];
  const limits = spawnSync("sh", ["-c", "ulimit -n; ulimit -u 2>/dev/null || echo unlimited"], {
    encoding: "utf8",
    timeout: LIMIT_MS,
  });
  const [files = "", processes = ""] = limits.stdout.trim().split("\n");
  return [
    limitCheck("files", files, FEW_FILES, "open files", "raise it: ulimit -n 8192"),
    limitCheck("processes", processes, FEW_PROCESSES, "processes", "raise it: ulimit -u 8192"),
  ];
}

function limitCheck(name: string, text: string, few: number, what: string, advice: string): DoctorCheck {
  if (!/^\d+$/.test(text)) return fine(name, `${what}: no limit`);
  return Number(text) < few ? odd(name, `at most ${text} ${what}`, advice) : fine(name, `${what}: up to ${text}`);
}

export function checkWatches(): DoctorCheck[] {
  if (process.platform !== "linux") return [];
  try {
    const most = Number(readFileSync("/proc/sys/fs/inotify/max_user_watches", "utf8"));
    const advice = "raise it: sysctl fs.inotify.max_user_watches=524288";
    return [
      most < FEW_WATCHES
        ? odd("watches", `at most ${most} watched files (inotify)`, advice)
        : fine("watches", `watched files (inotify): up to ${most}`),
    ];
  } catch {
    return []; // A kernel without inotify, or a /proc that hides it: nothing that a user could mend.
  }
}
