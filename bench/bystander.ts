/** How long a client waits for its answers while others send what is no message, or a message that means nothing. */
import { createConnection, type Socket } from "node:net";
import { makeWorld } from "../test/harness/world.ts";
import { type Figure, quantile } from "./figures.ts";
import { connectTo } from "./subscriber.ts";

const REQUESTS = 2000;
const HOSTILE_CLIENTS = 4;
const HOSTILE: readonly string[] = [
  "Content-Length: 1000000000\r\n\r\n{",
  "Content-Length: -1\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
  framed('{"jsonrpc":"2.0","id":1,"method":"no/such","params":{}}'),
  framed('{"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":"x"}}'),
  framed("[".repeat(10_000)),
];

export async function benchBystander(): Promise<Figure[]> {
  const world = await makeWorld();
  try {
    await world.must("ps");
    const alone = await answerTimes(world.layout.mainEndpoint);
    let goesOn = true;
    const attackers = Array.from({ length: HOSTILE_CLIENTS }, (_, index) =>
      attack(world.layout.mainEndpoint, index, () => goesOn),
    );
    const among = await answerTimes(world.layout.mainEndpoint);
    goesOn = false;
    const sent = (await Promise.all(attackers)).reduce((sum, one) => sum + one, 0);
    return [
      {
        name: "a bystander's answer while hostile clients send",
        measured: quantile(among, 0.99),
        unit: "ms p99",
        note: `${REQUESTS} answers among ${sent} hostile messages; alone p99 ${quantile(alone, 0.99).toFixed(2)} ms`,
      },
    ];
  } finally {
    await world.close();
  }
}

async function answerTimes(endpoint: string): Promise<number[]> {
  const client = await connectTo(endpoint);
  const times: number[] = [];
  for (let request = 0; request < REQUESTS; request += 1) {
    const begun = performance.now();
    await client.request("session/list", {});
    times.push(performance.now() - begun);
  }
  client.close();
  return times;
}

/** One connection a message, each waited for until the supervisor has closed it or a moment has passed. */
async function attack(endpoint: string, first: number, goesOn: () => boolean): Promise<number> {
  let sent = 0;
  for (let index = first; goesOn(); index += 1) {
    const socket: Socket = createConnection(endpoint);
    socket.on("error", () => socket.destroy()); // Closed by the supervisor, which is what is wanted.
    socket.resume();
    socket.end(HOSTILE[index % HOSTILE.length] ?? "");
    await new Promise((resolve) => socket.once("close", resolve));
    sent += 1;
  }
  return sent;
}

function framed(json: string): string {
  return `Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
}
