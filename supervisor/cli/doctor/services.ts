/** Doctor: what runs: the supervisor, and an engine for containers. */
import { createConnection } from "node:net";
import { join } from "node:path";
import { FaultError } from "../../../schemas/fault.ts";
import type { DoctorCheck } from "../../../schemas/json-output.ts";
import { buildDifference } from "../../../schemas/text/status.ts";
import type { CliContext } from "../context.ts";
import { broken, fine, messageOf, odd } from "./check.ts";

/** An engine that is there answers a ping in some ms. */
const ENGINE_LIMIT_MS = 3000;

export async function checkSupervisor(context: CliContext): Promise<DoctorCheck> {
  try {
    const connection = await context.connectIfRunning();
    if (connection === undefined) return fine("supervisor", "does not run; the first command that needs it starts it");
    const { supervisor } = connection;
    connection.close();
    const difference = buildDifference(context.identity, supervisor);
    if (difference === undefined) return fine("supervisor", `runs, pid ${supervisor.pid}`);
    return odd(
      "supervisor",
      `runs another build (${supervisor.version}, ${supervisor.buildId})`,
      "overmind supervisor restart (sessions go on)",
    );
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return broken(
      "supervisor",
      error.fault.message,
      error.fault.hint ?? "overmind supervisor restart (sessions go on)",
    );
  }
}

/** For information: sessions need none. */
export async function checkEngine(environment: Readonly<NodeJS.ProcessEnv>, userHome: string): Promise<DoctorCheck> {
  const host = environment.DOCKER_HOST;
  if (host !== undefined && !host.startsWith("unix://"))
    return fine("engine", `container engine: DOCKER_HOST is ${host} (not tried)`);
  const sockets =
    host === undefined
      ? ["/var/run/docker.sock", join(userHome, ".docker", "run", "docker.sock")]
      : [host.slice("unix://".length)];
  for (const socket of sockets) {
    const answer = await ping(socket);
    if (answer === undefined) return fine("engine", `container engine: answers at ${socket}`);
    if (answer !== "ENOENT") return fine("engine", `container engine: none to be had (${socket}: ${answer})`);
  }
  return fine("engine", "container engine: none found (sessions need none)");
}

/** Undefined when it answers, else why not. */
function ping(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const finish = (trouble: string | undefined) => {
      socket.destroy();
      resolve(trouble);
    };
    socket.setTimeout(ENGINE_LIMIT_MS, () => finish("no answer"));
    socket.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? messageOf(error)));
    socket.once("data", (data) => finish(data.toString("latin1").startsWith("HTTP/1.1 200") ? undefined : "no engine"));
    socket.write("GET /_ping HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n");
  });
}
