/** Several logs read at once -> one, in order of time, holding no more than what the slowest has not sent yet. */

export interface Timed {
  readonly timeMs: number;
}

interface Lane<T> {
  readonly waiting: T[];
  ended: boolean;
  onEmpty: (() => void) | undefined;
}

export interface MergeInput<T> {
  /** Resolves when all that was pushed has been given out: more should not be read before. */
  push(items: readonly T[]): Promise<void>;
  end(): Promise<void>;
}

/** `output` gets what is next in time as soon as that is known: when each input has something to say or has ended. */
export function mergeByTime<T extends Timed>(
  inputs: number,
  output: (items: readonly T[]) => Promise<void>,
): MergeInput<T>[] {
  const lanes: Lane<T>[] = Array.from({ length: inputs }, () => ({ waiting: [], ended: false, onEmpty: undefined }));
  let work: Promise<void> = Promise.resolve();
  const pump = async () => {
    const ready = takeReady(lanes);
    if (ready.length > 0) await output(ready);
    for (const lane of lanes) {
      if (lane.waiting.length > 0) continue;
      lane.onEmpty?.();
      lane.onEmpty = undefined;
    }
  };
  const pumpInTurn = () => {
    work = work.then(pump);
    return work;
  };
  return lanes.map((lane) => ({
    async push(items) {
      if (items.length === 0) return;
      lane.waiting.push(...items);
      const emptied = new Promise<void>((resolve) => {
        lane.onEmpty = resolve;
      });
      // A failing output must reach whoever pushes; an input whose turn is far off waits for it.
      await Promise.race([pumpInTurn().then(() => emptied), emptied]);
    },
    async end() {
      lane.ended = true;
      await pumpInTurn();
    },
  }));
}

function takeReady<T extends Timed>(lanes: readonly Lane<T>[]): T[] {
  const ready: T[] = [];
  for (;;) {
    if (lanes.some((lane) => lane.waiting.length === 0 && !lane.ended)) return ready;
    const [first, second] = lanes.filter((lane) => lane.waiting.length > 0).sort((a, b) => headOf(a) - headOf(b));
    if (first === undefined) return ready;
    const until = second === undefined ? Number.POSITIVE_INFINITY : headOf(second);
    let count = 0;
    while (count < first.waiting.length && (first.waiting[count]?.timeMs ?? 0) <= until) count += 1;
    // Times of one log can go back a little (a clock that is set): its own order counts.
    for (const item of first.waiting.splice(0, Math.max(1, count))) ready.push(item);
  }
}

function headOf<T extends Timed>(lane: Lane<T>): number {
  return lane.waiting[0]?.timeMs ?? Number.POSITIVE_INFINITY;
}
