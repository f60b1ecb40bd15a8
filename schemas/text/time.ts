/** Local times for people. What programs read is ISO 8601 in UTC. */

/** `12:30:01`, or `12:30:01.123`. */
export function clockTime(timeMs: number, options: { readonly milliseconds?: boolean } = {}): string {
  const at = new Date(timeMs);
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(":");
  return options.milliseconds === true ? `${clock}.${String(at.getMilliseconds()).padStart(3, "0")}` : clock;
}

/** `2026-11-24 12:30:01` */
export function dateAndTime(timeMs: number): string {
  const at = new Date(timeMs);
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())} ${clockTime(timeMs)}`;
}

function twoDigits(part: number): string {
  return String(part).padStart(2, "0");
}
