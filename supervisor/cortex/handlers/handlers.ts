/** Every method and who handles it. */
import type { Handlers } from "../handler.ts";
import type { Services } from "../services.ts";
import { attachHandler, detachHandler } from "./attach.ts";
import { colonyListHandler } from "./colony.ts";
import { pruneHandler, removeHandler, stopHandler } from "./end.ts";
import { eventHandlers } from "./event.ts";
import { followSessionHandlers } from "./follow-session.ts";
import { interruptHandler } from "./interrupt.ts";
import { logHandlers } from "./log.ts";
import { getHandler, listHandler, tableHandler } from "./look.ts";
import { messageHandlers } from "./message.ts";
import { renameHandler } from "./rename.ts";
import { restartHandler } from "./restart.ts";
import { resultHandler } from "./result.ts";
import { runHandler } from "./run.ts";
import { screenHandler } from "./screen.ts";
import { reloadSettingsHandler, statusHandler, statusTableHandler, stopSupervisorHandler } from "./supervisor.ts";
import { closeInputHandler, inputHandler, resizeHandler, signalHandler } from "./touch.ts";
import { waitHandler } from "./wait.ts";

export function handlers(services: Services): Handlers {
  return {
    "session/run": runHandler(services),
    "session/list": listHandler(services),
    "session/table": tableHandler(services),
    "session/get": getHandler(services),
    "session/stop": stopHandler(services),
    "session/remove": removeHandler(services),
    "session/prune": pruneHandler(services),
    "session/restart": restartHandler(services),
    "session/rename": renameHandler(services),
    "session/result": resultHandler(services, screenHandler(services)),
    ...followSessionHandlers(services),
    "colony/list": colonyListHandler(services),
    "session/wait": waitHandler(services),
    "session/signal": signalHandler(services),
    "session/input": inputHandler(services),
    "session/close-input": closeInputHandler(services),
    "session/resize": resizeHandler(services),
    "session/attach": attachHandler(services),
    "session/detach": detachHandler(),
    "screen/get": screenHandler(services),
    "session/interrupt": interruptHandler(services),
    ...messageHandlers(services),
    ...logHandlers(services),
    ...eventHandlers(services),
    "supervisor/status": statusHandler(services),
    "supervisor/table": statusTableHandler(services),
    "supervisor/stop": stopSupervisorHandler(services),
    "settings/reload": reloadSettingsHandler(services),
  };
}
