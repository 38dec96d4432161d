// A master of its own on loopback, and a worker that signs what it is given.
import { createHash, createHmac, randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env as environment } from "node:process";
import { gzipSync } from "node:zlib";

const WORKER = { account: "111122223333", region: "eu-west-1", version: "0.1.0", rules: "5f0c" };
const RULE = "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11";

export class Master {
  // `more` may choose the port, add lines to `[master]` and tables below it, and variables.
  static async start(dial, more = {}) {
    const folder = mkdtempSync(join(tmpdir(), "dial-browser-"));
    const root = randomBytes(32);
    const token = randomBytes(24).toString("hex");
    const looker = randomBytes(24).toString("hex");
    const port = more.port ?? await freePort();
    const write = (name, text) => writeFileSync(join(folder, name), text);
    write("root.key", `whsec_${root.toString("base64")}`);
    write("token", token);
    write("looker", looker);
    write("dial.toml", `[master]
listen = "127.0.0.1:${port}"
store = "sqlite:${folder}/dial.db"
bucket = "${folder}/bucket"
root_keys = { 1 = "file:${folder}/root.key" }
rate = { per_second = 100000, burst = 200000 }
${more.lines ?? ""}
[[master.tokens]]
name = "soc"
secret = "file:${folder}/token"
scope = "admin"
[[master.tokens]]
name = "looker"
secret = "file:${folder}/looker"
scope = "viewer"
${more.tables ?? ""}
`);
    const env = { ...environment, ...more.env };
    const process = spawn(dial, ["serve", "--config", join(folder, "dial.toml")], { env, stdio: ["ignore", "ignore", "pipe"] });
    let log = "";
    process.stderr.on("data", (data) => { log += data; });
    const master = Object.assign(new Master(), { folder, root, token, looker, process, url: `http://127.0.0.1:${port}` });
    for (let n = 0; n < 150; n += 1) {
      const ready = await fetch(`${master.url}/readyz`).catch(() => null);
      if (ready && ready.ok) return master;
      await new Promise((done) => setTimeout(done, 200));
    }
    throw new Error(`the master does not come up: ${log}`);
  }

  async stop() {
    const ended = new Promise((done) => this.process.once("exit", done));
    this.process.kill("SIGTERM");
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  // Posts findings as a worker does.
  async send(findings) {
    const body = gzipSync(JSON.stringify({ worker: WORKER, findings }));
    const worker = `${WORKER.account}/${WORKER.region}`;
    const key = createHmac("sha256", this.root).update(`dial/worker/v1/${worker}/0`).digest();
    const id = `msg_${randomBytes(8).toString("hex")}`;
    const time = Math.floor(Date.now() / 1000);
    const mac = createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest("base64");
    const answer = await fetch(`${this.url}/v1/findings`, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/octet-stream", "content-encoding": "gzip",
        "webhook-id": id, "webhook-timestamp": String(time), "webhook-signature": `v1,${mac}`,
        "dial-worker": worker, "dial-key": "1/0",
      },
    });
    const taken = await answer.json();
    if (!answer.ok || taken.rejected.length) throw new Error(`not taken: ${JSON.stringify(taken)}`);
    return taken;
  }

  async api(path) {
    const answer = await fetch(`${this.url}${path}`, { headers: { authorization: `Bearer ${this.token}` } });
    return answer.json();
  }
}

// A finding; `change` spoils what it likes before the id is made.
export function finding(n, change = () => {}) {
  const severities = ["critical", "high", "medium", "low", "informational"];
  const bucket = `exports-${n % 7}`;
  const made = {
    id: "",
    rule: { id: RULE, name: "s3_bucket_policy_public", title: "S3 bucket policy lets anyone in", version: "2026-01-10" },
    severity: severities[n % severities.length],
    title: `Bucket policy of ${bucket} lets anyone in`,
    explanation: "Statement 0 (PublicRead) allows s3:GetObject to everyone.",
    matched: [{ selection: "selection", field: "fact.s3.policy.public", value: true }],
    account: { id: WORKER.account, name: "shop-production" },
    region: WORKER.region,
    time: new Date(Date.now() - n * 60000).toISOString(),
    detected_at: new Date(Date.now() - n * 60000 + 2000).toISOString(),
    event: { id: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`, source: "s3.amazonaws.com", name: "PutBucketPolicy", kind: "AwsApiCall", read_only: false },
    principal: { type: "IAMUser", arn: `arn:aws:iam::${WORKER.account}:user/deploy-${n % 5}`, name: `deploy-${n % 5}`, account: WORKER.account, access_key_id: `AKIAEXAMPLE${n % 5}` },
    source: { ip: `198.51.100.${n % 200}`, user_agent: "aws-cli/2.15" },
    resources: [{ type: "AWS::S3::Bucket", arn: `arn:aws:s3:::${bucket}`, name: bucket }],
    facts: { "s3.policy.public": true },
    attack: ["T1530"],
    references: [],
    record: { eventVersion: "1.11", eventName: "PutBucketPolicy", requestParameters: { bucketName: bucket } },
    worker: WORKER,
  };
  change(made);
  made.id = identity(made);
  return made;
}

function identity({ rule, account, region, event, resources }) {
  const hash = createHash("sha256");
  const resource = resources.length ? resources[0].arn ?? `${resources[0].type}/${resources[0].name}` : "";
  for (const part of [rule.id, account.id, region, event.id, resource]) {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  }
  return `f-${base32(hash.digest().subarray(0, 16))}`;
}

function base32(bytes) {
  const digits = "abcdefghijklmnopqrstuvwxyz234567";
  let bits = "";
  for (const byte of bytes) bits += byte.toString(2).padStart(8, "0");
  return bits.match(/.{1,5}/g).map((five) => digits[parseInt(five.padEnd(5, "0"), 2)]).join("");
}

export function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
