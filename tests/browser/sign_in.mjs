// Signing in at an identity provider, in a browser: a real provider at one end, a master at the other.
import assert from "node:assert/strict";
import { Master, finding, freePort } from "./master.mjs";
import { IdentityProvider } from "./provider.mjs";

// Everything here is on loopback.
const HERE = "http://127.0.0.1:";
const BUTTON = "Sign in with Example";
// The provider's own pages ask for a font; it is not fetched, and no fault of ours.
const FONT = "https://fonts.googleapis.com/";

// A provider and a master that asks it. With a secret the client is a confidential one.
async function pair(dial, { algorithm, secret, small }) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const client = { client_id: "dial", redirect_uris: [`${url}/sign-in/callback`], id_token_signed_response_alg: algorithm };
  const kind = secret ? { client_secret: secret } : { token_endpoint_auth_method: "none" };
  const provider = await IdentityProvider.start({ clients: [{ ...client, ...kind }], small });
  process.env.DIAL_TEST_CLIENT_SECRET = secret ?? "";
  const tables = `[master.sign_in.oidc]
issuer = "${provider.issuer}"
client_id = "dial"
${secret ? 'client_secret = "env:DIAL_TEST_CLIENT_SECRET"' : ""}
scopes = ["openid", "profile", "groups"]
roles = { soc-analysts = "analyst", soc-leads = "admin" }
label = "Example"
`;
  const master = await Master.start(dial, { port, lines: `base_url = "${url}"`, tables });
  return { provider, master, stop: async () => { await master.stop(); await provider.stop(); } };
}

// From our door to the provider's.
async function leave(page, master, provider) {
  await page.goto(`${master.url}/findings?severity=high`);
  await page.getByRole("link", { name: BUTTON }).click();
  await page.waitForURL(`${provider.issuer}/interaction/**`);
}

// Through the provider's pages: who it is, and that the master may know.
async function logIn(page, name) {
  await page.locator('[name="login"]').fill(name);
  await page.locator('[name="password"]').fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

async function refused(page, master, words) {
  await page.getByRole("alert").filter({ hasText: words }).waitFor();
  await page.goto(`${master.url}/findings`);
  assert.match(page.url(), /\/sign-in/, "nobody is signed in");
}

export async function signInAtTheProvider({ browser, dial, tab, accessible }) {
  const faults = [];
  const contexts = [];
  const fresh = async () => {
    const context = await browser.newContext();
    contexts.push(context);
    await context.route(`${FONT}**`, (route) => route.fulfill({ contentType: "text/css", body: "" }));
    return [context, await tab(context, faults, HERE)];
  };
  // Pages ask again and again; none may outlive its master.
  const end = async (pair) => {
    for (const context of contexts.splice(0)) await context.close();
    await pair.stop();
  };
  const both = await pair(dial, { algorithm: "RS256", small: true });
  const { master, provider } = both;
  const ok = (what) => {
    assert.deepEqual(faults.filter((fault) => !fault.startsWith(`request: ${FONT}`)), [], what);
    console.log(`ok: ${what}`);
  };
  try {
    await master.send([finding(1)]);
    const [context, page] = await fresh();
    await page.goto(`${master.url}/sign-in`);
    await accessible(page, "sign-in with a provider");
    await leave(page, master, provider);
    const begun = await context.cookies();
    const callback = page.waitForRequest((request) => request.url().startsWith(`${master.url}/sign-in/callback`));
    await logIn(page, "analyst");
    await page.waitForURL(`${master.url}/findings?severity=high`);
    assert.match(await page.locator(".visitor").textContent(), /analyst\s+analyst/);
    const cookies = (await context.cookies()).filter((one) => one.name.startsWith("dial_"));
    assert.deepEqual(cookies.map((one) => [one.name, one.httpOnly, one.sameSite]), [["dial_session", true, "Lax"]]);
    await page.locator("[data-line] .t a").first().click();
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await page.locator(".heading .status.acknowledged").waitFor();
    const { audit } = await master.api(`/v1/findings/${page.url().split("/").pop()}`);
    assert.equal(audit.at(-1).who, "analyst");
    ok("sign in at the provider, with the role of the group");

    const [other, thief] = await fresh();
    const answer = (await callback).url();
    await thief.goto(answer);
    await refused(thief, master, "Begin anew");
    // Even with the cookie of the sign-in: the provider knows that its code was used.
    await other.addCookies(begun.filter((one) => one.name === "dial_pending"));
    await thief.goto(answer);
    await refused(thief, master, "Begin anew");
    await leave(thief, master, provider);
    await thief.goto(`${master.url}/sign-in/callback?code=stolen&state=${new URL(answer).searchParams.get("state")}`);
    await refused(thief, master, "Begin anew");
    ok("a replayed code and a foreign state open nothing");

    const [, stranger] = await fresh();
    await leave(stranger, master, provider);
    await logIn(stranger, "visitor");
    await refused(stranger, master, "You are visitor, and none of your groups has a role here");
    const [, undecided] = await fresh();
    await leave(undecided, master, provider);
    await undecided.getByRole("link", { name: "Cancel" }).click();
    await refused(undecided, master, "did not sign you in");
    ok("no role and no consent open nothing");

    const kept = await context.cookies();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(/\/sign-in$/);
    await context.addCookies(kept);
    await page.goto(`${master.url}/findings`);
    assert.match(page.url(), /\/sign-in/, "the session is over, not just the cookie");
    ok("sign out of the session of a provider");
  } finally {
    await end(both);
  }
  for (const [algorithm, secret, small] of [["ES256", "s&cret :+%1", false], ["PS256", undefined, false]]) {
    const both = await pair(dial, { algorithm, secret, small });
    try {
      const [, page] = await fresh();
      await leave(page, both.master, both.provider);
      await logIn(page, "admin");
      await page.waitForURL(`${both.master.url}/findings?severity=high`);
      assert.match(await page.locator(".visitor").textContent(), /admin\s+admin/);
      ok(`sign in by ${algorithm}, ${secret ? "with" : "without"} a secret`);
    } finally {
      await end(both);
    }
  }
}
