import { expect, test } from "vitest";
import { launchdAgent, systemdUnit } from "./service-files.ts";

const argv = ["/usr/bin/node", "/home/a b/100%/$x/overmind-supervisor.cjs", "run", "--home", '/h"q\\'];

test("a systemd unit: sessions live on, and nothing in a path is taken for a specifier or a variable", () => {
  const unit = systemdUnit(argv, { PATH: "/usr/bin:/o d" });
  expect(unit).toContain(
    'ExecStart="/usr/bin/node" "/home/a b/100%%/$$x/overmind-supervisor.cjs" "run" "--home" "/h\\"q\\\\"\n',
  );
  expect(unit).toContain('Environment="PATH=/usr/bin:/o d"\n');
  expect(unit).toContain("KillMode=process\n");
  expect(unit).toContain("WantedBy=default.target\n");
});

test("a launchd agent: the same, in XML", () => {
  const agent = launchdAgent(["/bin/node", "/a&b/<x>"], { PATH: "/usr/bin" });
  expect(agent).toContain("<string>/a&amp;b/&lt;x&gt;</string>");
  expect(agent).toContain("<key>AbandonProcessGroup</key>\n  <true/>");
  expect(agent.match(/<\w+( version="1.0")?>/g)?.length).toBe(agent.match(/<\/(\w+)>/g)?.length);
});
