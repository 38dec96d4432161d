// Known by a proxy in front, in a browser: the proxy asks who somebody is and tells the master.
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { Master, finding, freePort } from "./master.mjs";

// Everything here is on loopback; the proxy speaks to the master from an address of its own.
const HERE = "http://127.0.0.1:";
const PROXY = "127.0.0.2";
const USER = "x-forwarded-user";
const GROUPS = "x-forwarded-groups";
const PEOPLE = {
  analyst: "staff, soc-analysts",
  viewer: "staff",
  visitor: "guests",
};

// Lets in who has a password, takes away what browsers say of themselves, and says who it is.
async function inFront(port, target) {
  const server = createServer((asked, answer) => {
    const [, shown] = (asked.headers.authorization ?? "").split(" ");
    const [name] = Buffer.from(shown ?? "", "base64").toString().split(":");
    if (!PEOPLE[name]) {
      answer.writeHead(401, { "www-authenticate": 'Basic realm="staff"' }).end();
      return;
    }
    const { authorization, [USER]: user, [GROUPS]: groups, ...headers } = asked.headers;
    headers[USER] = name;
    headers[GROUPS] = PEOPLE[name];
    const on = request(`${target}${asked.url}`, { method: asked.method, headers, localAddress: PROXY }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    on.on("error", () => answer.destroy());
    asked.pipe(on);
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return { url: `${HERE}${port}`, server };
}

// A page of somebody else, that posts a form to ours by itself.
async function attacker(target) {
  const page = `<!doctype html><form method="post" action="${target}"><input name="action" value="acknowledge"></form><script>document.forms[0].submit()</script>`;
  const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(page));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `${HERE}${server.address().port}/`, server };
}

export async function knownByAProxy({ browser, dial, tab, accessible }) {
  const faults = [];
  const contexts = [];
  const port = await freePort();
  const tables = `[master.sign_in.proxy]
header = "${USER}"
roles_header = "${GROUPS}"
roles = { soc-analysts = "analyst", staff = "viewer" }
allowed = ["${PROXY}/32"]
`;
  const master = await Master.start(dial, { lines: `base_url = "${HERE}${port}"`, tables });
  const proxy = await inFront(port, master.url);
  const servers = [proxy.server];
  const as = async (name, options = {}) => {
    const context = await browser.newContext({ httpCredentials: { username: name, password: "any" }, ...options });
    contexts.push(context);
    return tab(context, faults, HERE);
  };
  const ok = (what) => {
    assert.deepEqual(faults, [], what);
    console.log(`ok: ${what}`);
  };
  try {
    const sent = finding(1);
    await master.send([sent]);
    const place = `/findings/${sent.id}`;
    const status = async () => (await master.api(`/v1${place}`)).status;

    const page = await as("analyst");
    await page.goto(`${proxy.url}/findings`);
    assert.match(await page.locator(".visitor").textContent(), /analyst\s+analyst/);
    assert.equal(await page.getByRole("button", { name: "Sign out" }).count(), 0, "that is the proxy's");
    await accessible(page, "behind a proxy");
    const looking = await as("viewer");
    await looking.goto(`${proxy.url}${place}`);
    assert.match(await looking.locator(".visitor").textContent(), /viewer\s+viewer/);
    assert.equal(await looking.getByRole("button", { name: "Acknowledge" }).count(), 0);
    const visitor = await as("visitor");
    const refused = await visitor.goto(`${proxy.url}/findings`);
    assert.equal(refused.status(), 403);
    await visitor.getByText("You are visitor").waitFor();
    ok("known by a proxy, with the role of the group");

    const claims = { [USER]: "analyst", [GROUPS]: "soc-analysts" };
    const around = await as("viewer", { extraHTTPHeaders: claims });
    await around.goto(`${master.url}${place}`);
    assert.match(around.url(), /\/sign-in\?next=/, "whoever writes the header is not the proxy");
    await around.goto(`${proxy.url}${place}`);
    assert.match(await around.locator(".visitor").textContent(), /viewer\s+viewer/);
    const counted = await fetch(`${master.url}/metrics`, { headers: { authorization: `Bearer ${master.token}` } });
    assert.match(await counted.text(), /dial_refusals_total\{[^}]*reason="proxy"[^}]*\} [1-9]/);
    ok("a header from elsewhere counts for nothing");

    const trap = await attacker(`${proxy.url}${place}`);
    servers.push(trap.server);
    const lured = await as("analyst");
    const [posted] = await Promise.all([
      lured.waitForResponse((answer) => answer.request().method() === "POST" && answer.status() !== 401),
      lured.goto(trap.url),
    ]);
    assert.deepEqual([posted.status(), await status()], [403, "open"]);
    await page.goto(`${proxy.url}${place}`);
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await page.locator(".heading .status.acknowledged").waitFor();
    const { audit } = await master.api(`/v1${place}`);
    assert.deepEqual([audit.at(-1).who, audit.at(-1).door], ["analyst", "dashboard"]);
    ok("behind a proxy only our own forms change something");
  } finally {
    // Pages ask again and again; none may outlive its master.
    for (const context of contexts) await context.close();
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
    await master.stop();
  }
}
