/** session/interrupt: Ctrl-C, at once. Like a signal it is one of the listed exceptions, and changes no desired state. */
import type { Handler } from "../handler.ts";
import type { Services } from "../services.ts";
import { done, runningMain } from "./touch.ts";

/** The terminal makes of it a SIGINT for the foreground program, unless that program reads it as a key. */
const CTRL_C = new Uint8Array([0x03]);

export function interruptHandler(services: Services): Handler<"session/interrupt"> {
  const { store, hive, activity } = services;
  return async (params, { caller }) => {
    const running = runningMain(services, caller, params.session);
    if (!running.ok) return running;
    const key = running.value;
    if (store.session(key.sessionId)?.spec.stdio === "pipes") return done(await hive.processes.signal(key, "SIGINT"));
    activity.noteInput(key.sessionId);
    return done(await hive.processes.input(key, CTRL_C));
  };
}
