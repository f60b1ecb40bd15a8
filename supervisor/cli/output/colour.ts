/** Whether text is coloured: on a terminal that can, unless the user's environment says otherwise. */

export function wantsColour(environment: Readonly<NodeJS.ProcessEnv>, isTerminal: boolean): boolean {
  const { NO_COLOR: none, FORCE_COLOR: force, TERM: terminal } = environment;
  if (none !== undefined && none !== "") return false;
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  return isTerminal && terminal !== "dumb";
}
