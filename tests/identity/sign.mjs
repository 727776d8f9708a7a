// JWTs of jose: for each algorithm that is named a fresh key of its own, as the JWK to believe and a token of its signing.
import { exportJWK, generateKeyPair, generateSecret, SignJWT } from "jose";

const [claims, ...algorithms] = process.argv.slice(2);
const out = {};
for (const alg of algorithms) {
  const isShared = alg.startsWith("HS");
  const pair = isShared ? await generateSecret(alg, { extractable: true }) : await generateKeyPair(alg, { extractable: true });
  const [signing, believed] = isShared ? [pair, pair] : [pair.privateKey, pair.publicKey];
  const token = new SignJWT({ ...JSON.parse(claims), sub: `jose|${alg}` }).setProtectedHeader({ alg, kid: alg, typ: "JWT" });
  out[alg] = { jwk: { ...(await exportJWK(believed)), kid: alg }, token: await token.setIssuedAt().setExpirationTime("10m").sign(signing) };
}
console.log(JSON.stringify(out));
