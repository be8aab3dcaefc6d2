// A real OpenID provider on localhost: another site than lq's 127.0.0.1, as it would be in life.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const key = (kid, type, options) => ({
  kid,
  use: "sig",
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
});

function listen(handler) {
  const server = createServer(handler);
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const close = () => {
        server.closeAllConnections();
        return new Promise((done) => server.close(done));
      };
      resolve({ server, url: `http://localhost:${server.address().port}`, close });
    }),
  );
}

/** clients: [{ id, algorithm, secret, redirect }]; whoever types a name is that account. */
export async function openProvider(clients) {
  const at = await listen((request, response) => handle(request, response));
  const provider = new Provider(at.url, {
    clients: clients.map(({ id, algorithm, secret, redirect }) => ({
      client_id: id,
      redirect_uris: [redirect],
      id_token_signed_response_alg: algorithm,
      ...(secret === undefined
        ? { token_endpoint_auth_method: "none" }
        : { client_secret: secret, token_endpoint_auth_method: "client_secret_post" }),
    })),
    jwks: {
      keys: [
        { ...key("r", "rsa", { modulusLength: 2048 }), alg: "RS256" },
        { ...key("e", "ec", { namedCurve: "P-256" }), alg: "ES256" },
        { ...key("o", "ed25519"), alg: "EdDSA" },
      ],
    },
    enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "EdDSA"] },
    claims: { openid: ["sub", "groups"], email: ["email", "email_verified"], profile: ["name"] },
    // As the large providers do: what was asked for is in the ID token.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    findAccount: (context, sub) => ({
      accountId: sub,
      claims: () => ({
        sub,
        name: `The ${sub}`,
        email: `${sub}@corp.example`,
        email_verified: true,
        groups: sub === "fay" ? ["staff"] : [],
      }),
    }),
  });
  const handle = provider.callback();
  return at;
}

/** One that fails in its own way: "slow" says nothing, "large" sends 5 MB. */
export function openBroken(how) {
  return listen((request, response) => {
    if (how === "large") response.end(JSON.stringify({ issuer: "x".repeat(5_000_000) }));
  });
}
