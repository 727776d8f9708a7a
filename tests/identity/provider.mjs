// An OpenID provider (oidc-provider) with one client, that gives it JWTs as access tokens: its issuer, and where its keys
// and tokens are, in one line of JSON. Each line of its input rotates its keys: the new one comes first.
import http from "node:http";
import readline from "node:readline";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

const [clientId, clientSecret, audience] = process.argv.slice(2);
const keys = [];

async function addKey() {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  keys.unshift({ ...(await exportJWK(privateKey)), kid: `key-${keys.length}`, alg: "ES256", use: "sig" });
}

function makeProvider(issuer) {
  return new Provider(issuer, {
    jwks: { keys },
    clients: [
      { client_id: clientId, client_secret: clientSecret, grant_types: ["client_credentials"], redirect_uris: [], response_types: [], id_token_signed_response_alg: "ES256" },
    ],
    ttl: { ClientCredentials: 600 },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "https://gateway.example",
        getResourceServerInfo: () => ({ scope: "", audience, accessTokenFormat: "jwt", accessTokenTTL: 600, jwt: { sign: { alg: "ES256" } } }),
      },
    },
  }).callback();
}

await addKey();
let answer = null;
const server = http.createServer((request, response) => answer(request, response));
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  answer = makeProvider(issuer);
  console.log(JSON.stringify({ issuer, jwks: `${issuer}/jwks`, token: `${issuer}/token` }));
  readline.createInterface({ input: process.stdin }).on("line", async () => {
    await addKey();
    answer = makeProvider(issuer);
    console.log("{}");
  });
});
