/** The Machine port: how much memory this machine has left, and what the user's present login sets. */
import { freemem, totalmem } from "node:os";
import { ok } from "../../schemas/fault.ts";
import { isLoginVariable } from "../core/environment.ts";
import type { Machine } from "../ports/hive.ts";
import { darwinMachine } from "./os/darwin-machine.ts";
import { linuxMachine } from "./os/linux-machine.ts";
import type { MachineSystem } from "./os/machine-system.ts";

/** `own` is the supervisor's environment: it stands over what the login manager says. */
export function localMachine(own: NodeJS.ProcessEnv, system: MachineSystem = machineSystem()): Machine {
  return {
    async memory() {
      return ok((await system.memory()) ?? { freeBytes: freemem(), totalBytes: totalmem() });
    },
    async loginEnvironment() {
      const all = { ...(await system.loginEnvironment()), ...own };
      const found: Record<string, string> = {};
      for (const [name, value] of Object.entries(all)) {
        if (isLoginVariable(name) && value !== undefined && value !== "") found[name] = value;
      }
      return ok(found);
    },
  };
}

const SILENT: MachineSystem = {
  memory: () => Promise.resolve(undefined),
  loginEnvironment: () => Promise.resolve({}),
};

function machineSystem(): MachineSystem {
  if (process.platform === "linux") return linuxMachine;
  return process.platform === "darwin" ? darwinMachine : SILENT;
}
