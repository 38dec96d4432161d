// The dashboard in a real browser. Arguments: the `dial` program, Chromium; then, if wanted,
// `--screenshots FOLDER` takes pictures of the demo, `--many N` times pages over N findings.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import assert from "node:assert/strict";
import { Master, finding } from "./master.mjs";
import { TEXTS, hostile } from "./hostile.mjs";
import { signInAtTheProvider } from "./sign_in.mjs";
import { knownByAProxy } from "./proxy.mjs";

// Both are installed beside, not in, the repository.
const require = createRequire(join(process.env.DIAL_NODE_MODULES ?? process.cwd(), "x.js"));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [dial, executablePath, ...options] = process.argv.slice(2);
const option = (name) => { const at = options.indexOf(name); return at < 0 ? null : options[at + 1]; };
const PHONE = { width: 390, height: 844 };
const PAGES = ["/", "/findings", "/rules", "/rules/s3_bucket_policy_public", "/silences", "/workers", "/deliveries"];

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

// A tab that notes whatever a harmless page never does.
async function tab(context, faults, home) {
  const page = await context.newPage();
  page.on("dialog", (dialog) => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("console", (message) => { if (["error", "warning"].includes(message.type()) && !/status of (4\d\d)/.test(message.text())) faults.push(`console: ${message.text()}`); });
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => { if (!request.url().startsWith(home)) faults.push(`request: ${request.url()}`); });
  return page;
}

async function signIn(page, home, token) {
  await page.goto(`${home}/findings`);
  assert.match(page.url(), /\/sign-in\?next=%2Ffindings$/);
  await page.getByLabel("API token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${home}/findings`);
}

async function accessible(page, what) {
  // The content policy forbids inline scripts, so axe comes in through the protocol.
  const found = await page.evaluate(`${AXE}; axe.run(document, { resultTypes: ["violations"] })`);
  const said = found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes[0].html}: ${one.nodes[0].failureSummary}`);
  assert.deepEqual(said, [], what);
}

const steps = [];
const step = (name, work) => steps.push([name, work]);
const faults = [];
let master, context, page, id;

step("sign in", async () => {
  context = await browser.newContext();
  page = await tab(context, faults, master.url);
  await page.goto(`${master.url}/sign-in`);
  await accessible(page, "sign-in");
  await page.getByLabel("API token").fill("a-token-that-nobody-ever-made");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await signIn(page, master.url, master.token);
  const cookie = (await context.cookies()).find((one) => one.name.includes("dial"));
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Lax"]);
});

step("filter by click, by words and by address", async () => {
  await page.getByRole("checkbox", { name: "Critical" }).check();
  await page.waitForURL(/severity=critical/);
  const lines = page.locator("[data-line]");
  const critical = await lines.count();
  assert.ok(critical > 0);
  assert.equal(await page.locator("td .sev.critical").count(), critical);
  await page.goto(`${master.url}/findings`);
  await page.getByLabel("Search").fill("exports-3");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=exports-3/);
  for (const text of await lines.locator(".t a").allTextContents()) assert.match(text, /exports-3/);
  await page.goto(`${master.url}/findings?principal=arn:aws:iam::111122223333:user/deploy-1&since=7d`);
  assert.ok(await lines.count() > 0);
  await page.goto(`${master.url}/findings?limit=5`);
  const first = await lines.first().textContent();
  await page.getByRole("link", { name: "Older" }).click();
  await page.waitForURL(/cursor=/);
  assert.notEqual(await lines.first().textContent(), first);
});

step("open, acknowledge, and see it in the API and in another tab", async () => {
  await page.goto(`${master.url}/findings?severity=critical`);
  await page.locator("[data-line] .t a").first().click();
  await page.waitForURL(/findings\/f-/);
  id = page.url().split("/").pop();
  await accessible(page, "finding");
  const other = await tab(context, faults, master.url);
  await other.goto(page.url());
  await page.getByLabel("Comment").fill("looking at it");
  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.locator(".heading .status.acknowledged").waitFor();
  const { status, audit } = await master.api(`/v1/findings/${id}`);
  const last = audit.at(-1);
  assert.deepEqual([status, last.who, last.door, last.comment], ["acknowledged", "soc", "dashboard", "looking at it"]);
  await other.getByRole("button", { name: "Resolve" }).click();
  await other.getByRole("alert").filter({ hasText: "Changed meanwhile by soc" }).waitFor();
  assert.equal((await master.api(`/v1/findings/${id}`)).status, "acknowledged");
  await other.getByRole("button", { name: "To me" }).click();
  await other.getByRole("complementary", { name: "Triage" }).getByText("assigned to soc").waitFor();
  await other.close();
});

step("see what is around a finding, and go there", async () => {
  await page.goto(`${master.url}/findings/${id}`);
  const around = page.locator(".around");
  assert.deepEqual(await around.locator(".lane strong").allTextContents(), ["Access key", "Principal", "Resource", "Address"]);
  const own = await around.locator(".line .own strong").textContent();
  assert.equal(own, await page.locator("h1").textContent());
  assert.ok(await around.locator(".line li").count() <= 13);
  const { finding: shown } = await master.api(`/v1/findings/${id}`);
  const key = shown.principal.access_key_id;
  const { findings } = await master.api(`/v1/findings?access_key=${key}`);
  assert.match(await around.locator(".lane").first().textContent(), new RegExp(`${findings.length - 1} more within a week`));
  await around.getByRole("link", { name: "Access key" }).click();
  await page.waitForURL(new RegExp(`/findings\\?access_key=${key}`));
  assert.equal(await page.locator("[data-line]").count(), findings.length);
});

step("findings over time by severity, account, rule and service", async () => {
  await page.goto(`${master.url}/?days=30`);
  const chart = page.locator('[data-live="chart"]');
  for (const [over, name] of [["account", "111122223333"], ["rule", "s3_bucket_policy_public"], ["service", "s3"]]) {
    await chart.getByRole("link", { name: `by ${over}`, exact: true }).click();
    await page.waitForURL(`${master.url}/?days=30&over=${over}`);
    assert.deepEqual(await chart.locator(".legend .name").allTextContents(), [name]);
    await chart.getByText("Numbers", { exact: true }).click();
    const cells = await chart.locator("tbody td").allTextContents();
    assert.deepEqual([cells.length, cells.reduce((sum, cell) => sum + Number(cell), 0)], [30, 60], over);
    await accessible(page, `over ${over}`);
  }
  await page.getByRole("link", { name: "Today" }).click();
  await page.waitForURL(`${master.url}/?days=1&over=service`);
  assert.equal(await chart.locator("tbody tr").count(), 24);
  await page.goto(`${master.url}/?over=rule`);
  await chart.getByRole("link", { name: "s3_bucket_policy_public" }).click();
  await page.waitForURL(/findings\?rule=s3_bucket_policy_public&since=/);
});

step("look a rule up", async () => {
  await page.goto(`${master.url}/rules`);
  await page.getByRole("link", { name: /^T1530 Data from Cloud Storage/ }).first().click();
  await page.waitForURL(/attack=T1530/);
  await page.getByLabel("Search").fill("bucket policy anyone");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=bucket/);
  await page.locator("[data-line] .t a", { hasText: "S3 bucket policy lets anyone in" }).click();
  await page.waitForURL(/rules\/s3_bucket_policy_public$/);
  await page.getByRole("heading", { name: "Fires only with" }).waitFor();
  assert.ok(await page.locator("[data-line]").count() > 0);
  await page.getByRole("link", { name: "All of them" }).click();
  await page.waitForURL(/rule=s3_bucket_policy_public/);
});

step("what is not there is said, with a way on", async () => {
  for (const path of ["/nowhere", "/rules/no_such_rule", "/findings/f-aaaaaaaaaaaaaaaaaaaaaaaaaa", "/findings?colour=red"]) {
    await page.goto(`${master.url}${path}`);
    await page.getByRole("link", { name: "Overview" }).waitFor();
    await accessible(page, path);
  }
});

step("change several from the list", async () => {
  await page.goto(`${master.url}/findings?severity=low`);
  await page.locator('[name="id"]').nth(0).check();
  await page.locator('[name="id"]').nth(1).check();
  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.getByRole("status").filter({ hasText: "2 changed." }).waitFor();
});

step("add a silence and end it", async () => {
  await page.goto(`${master.url}/silences`);
  await page.getByLabel("Fits, one matcher").fill("resource=arn:aws:s3:::exports-3");
  await page.getByLabel("Reason").fill("agreed with the owner");
  await page.getByRole("button", { name: "What would it mute?" }).click();
  await page.getByText(/\d+ of the last \d+ findings/).waitFor();
  await page.getByRole("button", { name: "Silence", exact: true }).click();
  await page.getByText("In force", { exact: true }).waitFor();
  const { silences } = await master.api("/v1/silences");
  assert.deepEqual(silences.map((one) => [one.reason, one.created_by]), [["agreed with the owner", "soc (dashboard)"]]);
  await page.getByRole("button", { name: "End now" }).click();
  await page.getByText("Ended", { exact: true }).waitFor();
  await page.getByLabel("Fits, one matcher").fill("severity=high");
  await page.getByLabel("Reason").fill("too wide");
  await page.getByRole("button", { name: "Silence", exact: true }).click();
  await page.getByRole("alert").filter({ hasText: "almost everything" }).waitFor();
});

step("what failed is shown with its finding, and all of it is tried again", async () => {
  const failed = async () => (await master.api("/v1/deliveries?sink=hook&limit=200")).deliveries.length;
  const settled = async () => { while (await failed() < 60) await new Promise((done) => setTimeout(done, 200)); };
  await settled();
  await page.goto(`${master.url}/deliveries`);
  await page.getByRole("link", { name: "hook" }).click();
  await page.waitForURL(/\?sink=hook$/);
  assert.match(await page.locator("[data-line] .t a").first().textContent(), /^Bucket policy of exports-\d lets anyone in$/);
  await page.getByText("Try all of these again").click();
  await accessible(page, "trying again");
  const asked = refused;
  await page.getByRole("button", { name: "Try 60 again" }).click();
  await page.getByRole("status").filter({ hasText: "60 deliveries are tried again." }).waitFor();
  while (refused < asked + 60) await new Promise((done) => setTimeout(done, 200));
  await settled();
});

step("by keyboard only", async () => {
  await page.goto(`${master.url}/findings?status=open&severity=medium`);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  const title = await page.locator("tr.at .t a").textContent();
  await page.keyboard.press("Enter");
  await page.waitForURL(/findings\/f-/);
  assert.equal(await page.locator("h1").textContent(), title);
  await page.keyboard.press("a");
  await page.locator(".heading .status.acknowledged").waitFor();
  await page.keyboard.press("?");
  await page.locator("#keys[open]").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("u");
  await page.waitForURL(/\/findings\?status=open/);
  await page.keyboard.press("/");
  await page.keyboard.type("exports-1");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=exports-1/);
  await page.keyboard.press("Tab");
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(ring, "solid");
});

step("new findings appear by themselves", async () => {
  await page.goto(`${master.url}/findings`);
  await master.send([finding(9000, (made) => { made.title = "Just come in"; made.time = new Date().toISOString(); })]);
  await page.getByText("Just come in").waitFor({ timeout: 30000 });
});

step("every page is accessible, in light and dark, on a desk and a phone", async () => {
  const phone = await browser.newContext({ viewport: PHONE, colorScheme: "dark", hasTouch: true });
  const small = await tab(phone, faults, master.url);
  await signIn(small, master.url, master.token);
  for (const path of [...PAGES, `/findings/${id}`]) {
    for (const one of [page, small]) {
      await one.goto(`${master.url}${path}`);
      await accessible(one, path);
    }
    const wide = await small.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${path} is ${wide} px wider than a phone`);
  }
  await phone.close();
});

step("reading needs no script", async () => {
  const plain = await browser.newContext({ javaScriptEnabled: false });
  const quiet = await plain.newPage();
  await signIn(quiet, master.url, master.looker);
  await quiet.locator("[data-line] .t a").first().click();
  await quiet.getByRole("heading", { name: "Why" }).waitFor();
  assert.equal(await quiet.getByRole("button", { name: "Acknowledge" }).count(), 0);
  await plain.close();
});

step("whatever an event says is inert", async () => {
  const sent = TEXTS.map((text, n) => hostile(20000 + n, text));
  for (let n = 0; n < sent.length; n += 100) await master.send(sent.slice(n, n + 100));
  const places = [...PAGES, "/findings?limit=200", ...sent.map((one) => `/findings/${one.id}`)];
  for (const text of TEXTS.slice(0, 34)) {
    places.push(`/findings?q=${encodeURIComponent(text.slice(0, 60))}`, `/findings?rule=${encodeURIComponent(text)}`, `/silences?rule=${encodeURIComponent(text)}`, `/rules?q=${encodeURIComponent(text)}`, `/rules/${encodeURIComponent(text.slice(0, 200))}`);
  }
  for (const place of places) {
    await page.goto(`${master.url}${place}`, { waitUntil: "load" });
    const alive = await page.evaluate(() => document.querySelectorAll("main script, main iframe, main img, main base, main link, main meta, main object, main embed, [onerror], [onload], [onfocus], [style], a[href^='javascript:'], a[href^='data:']").length);
    assert.equal(alive, 0, place);
  }
});

step("sign out", async () => {
  await page.goto(`${master.url}/`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/\/sign-in$/);
  await page.goto(`${master.url}/findings/${id}`);
  assert.match(page.url(), /\/sign-in/);
});

// A sink that takes nothing, so that there is something to try again.
let refused = 0;
const refusing = createServer((request, answer) => {
  request.resume().on("end", () => { refused += 1; answer.writeHead(404).end("no such hook"); });
});

async function play() {
  await new Promise((done) => refusing.listen(0, "127.0.0.1", done));
  master = await Master.start(dial, {
    lines: "dangerous_allow_private_sinks = true",
    tables: `[master.sinks.hook]\ntype = "webhook"\nurl = "http://127.0.0.1:${refusing.address().port}/"\nsecret = "env:HOOK_SECRET"\n`,
    env: { HOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString("base64")}` },
  });
  try {
    await master.send(Array.from({ length: 60 }, (_, n) => finding(n)));
    for (const [name, work] of steps) {
      await work();
      assert.deepEqual(faults, [], name);
      console.log(`ok: ${name}`);
    }
  } finally {
    await master.stop();
    refusing.close();
  }
  await signInAtTheProvider({ browser, dial, tab, accessible });
  await knownByAProxy({ browser, dial, tab, accessible });
}

// Every page over many findings, with how long it took; that is for people, nothing fails by it.
async function many(count) {
  master = await Master.start(dial);
  try {
    for (let n = 0; n < count; n += 100) await master.send(Array.from({ length: 100 }, (_, k) => finding(n + k)));
    context = await browser.newContext();
    page = await tab(context, faults, master.url);
    await signIn(page, master.url, master.token);
    const first = (await master.api("/v1/findings?limit=1")).findings[0].id;
    for (const path of [...PAGES, "/findings?severity=critical&status=open", "/findings?q=exports-3", "/findings?q=nowhere", "/findings?source=198.51.100.7", `/findings/${first}`]) {
      const begun = performance.now();
      const answer = await page.goto(`${master.url}${path}`, { waitUntil: "load" });
      assert.equal(answer.status(), 200, path);
      console.log(`${count} findings: ${path} in ${Math.round(performance.now() - begun)} ms`);
    }
    assert.deepEqual(faults, []);
  } finally {
    await master.stop();
  }
}

// Pictures of the demo.
async function screenshots(folder) {
  mkdirSync(folder, { recursive: true });
  const demo = spawn(dial, ["demo", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  const url = await new Promise((done, fail) => {
    demo.stdout.on("data", (data) => {
      said += data;
      const found = said.match(/DIAL_URL=(\S+)/);
      if (found) done(found[1]);
    });
    demo.once("exit", () => fail(new Error(`the demo ended: ${said}`)));
  });
  const take = async (name, path, options = {}, fullPage = false) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    await page.goto(`${url}${path}`, { waitUntil: "load" });
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
    await context.close();
  };
  const answer = await fetch(`${url}/findings?rule=s3_bucket_policy_public`);
  const id = (await answer.text()).match(/findings\/(f-[a-z2-7]{26})/)[1];
  await take("overview", "/");
  await take("overview-dark", "/", { colorScheme: "dark" });
  await take("findings", "/findings");
  await take("finding", `/findings/${id}`);
  await take("finding-dark", `/findings/${id}`, { colorScheme: "dark" });
  await take("rules", "/rules");
  await take("rule", "/rules/s3_bucket_policy_public");
  await take("workers", "/workers");
  await take("deliveries", "/deliveries");
  await take("not-found", "/nowhere");
  await take("overview-whole", "/", {}, true);
  await take("finding-whole", `/findings/${id}`, {}, true);
  await take("finding-whole-dark", `/findings/${id}`, { colorScheme: "dark" }, true);
  await take("phone-overview", "/", { viewport: PHONE });
  await take("phone-finding-whole", `/findings/${id}`, { viewport: PHONE }, true);
  await take("phone-rules", "/rules", { viewport: PHONE });
  await take("silences", "/silences");
  await take("phone-findings", "/findings", { viewport: PHONE });
  await take("phone-finding", `/findings/${id}`, { viewport: PHONE });
  demo.kill("SIGTERM");
}

try {
  if (option("--screenshots")) await screenshots(option("--screenshots"));
  else if (option("--many")) await many(Number(option("--many")));
  else await play();
} finally {
  await browser.close();
}
