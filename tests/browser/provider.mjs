// An identity provider on loopback: a certified implementation, with people and groups of ours.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { freePort } from "./master.mjs";

const PEOPLE = {
  analyst: ["staff", "soc-analysts"],
  visitor: ["staff"],
  admin: ["staff", "soc-leads", "soc-analysts"],
};
// One key for each algorithm that the tests have it sign with.
const KEYS = [["RS256", "rsa", { modulusLength: 2048 }], ["PS256", "rsa", { modulusLength: 2048 }], ["ES256", "ec", { namedCurve: "P-256" }]];

export class IdentityProvider {
  // `clients` as its own configuration spells them; `small` keeps all but the subject out of ID tokens.
  static async start({ clients, small }) {
    const home = join(process.env.DIAL_NODE_MODULES ?? process.cwd(), "node_modules/oidc-provider/lib/index.js");
    const { Provider } = await import(pathToFileURL(home));
    const port = await freePort();
    const issuer = `http://127.0.0.1:${port}`;
    const keys = KEYS.map(([alg, kind, options]) => ({ ...generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" }), kid: alg, alg, use: "sig" }));
    const provider = new Provider(issuer, {
      clients,
      jwks: { keys },
      enabledJWA: { idTokenSigningAlgValues: KEYS.map(([alg]) => alg) },
      scopes: ["openid", "profile", "groups"],
      claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
      conformIdTokenClaims: small,
      pkce: { required: () => true },
      cookies: { keys: ["only for a test"] },
      ttl: { Session: 600, Grant: 600, Interaction: 600, IdToken: 600, AccessToken: 600 },
      findAccount: (_, id) => PEOPLE[id] && { accountId: id, claims: () => ({ sub: id, preferred_username: id, groups: PEOPLE[id] }) },
    });
    const server = createServer(provider.callback());
    await new Promise((done) => server.listen(port, "127.0.0.1", done));
    return Object.assign(new IdentityProvider(), { issuer, server });
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}
