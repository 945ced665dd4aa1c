/**
 * An OpenID provider for tests: oidc-provider on a port of the loopback, with new keys at each start.
 *
 * usage: node openid_provider.mjs '{"port", "issuer", "redirects": [URI], "people": {login: claims}}'
 *
 * Its own login page takes any password. A program gets tokens by its client credentials: what they say and how
 * long they are good is in the resource that it asks for, as in `urn:buildfeed?ttl=60&alg=ES256&name=robot`.
 */
import { generateKeyPairSync } from "node:crypto";

import Provider from "oidc-provider";

const { port, issuer, redirects, people } = JSON.parse(process.argv[2]);

const key = (type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
  alg,
  use: "sig",
});

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "buildfeed",
      client_secret: "a secret: +/%",
      redirect_uris: redirects,
    },
    {
      client_id: "robot",
      client_secret: "secret",
      redirect_uris: [],
      response_types: [],
      grant_types: ["client_credentials"],
    },
  ],
  jwks: {
    keys: [
      key("rsa", { modulusLength: 2048 }, "RS256"),
      key("ec", { namedCurve: "P-256" }, "ES256"),
      key("ed25519", {}, "EdDSA"),
    ],
  },
  claims: { openid: ["sub"], profile: ["preferred_username", "groups", "buildfeed"], email: ["email"] },
  conformIdTokenClaims: false, // as nearly every other provider: the ID token has them
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, ...people[id] }),
  }),
  cookies: { keys: ["test"] },
  extraTokenClaims: (_ctx, { resourceServer }) => {
    if (!resourceServer) return undefined;
    const asked = new URL(resourceServer.identifier()).searchParams;
    return { preferred_username: asked.get("name"), buildfeed: asked.getAll("grant") };
  },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, resource) => {
        const asked = new URL(resource).searchParams;
        return {
          scope: "",
          audience: asked.get("aud") ?? "buildfeed",
          accessTokenFormat: "jwt",
          accessTokenTTL: Number(asked.get("ttl") ?? 600),
          jwt: { sign: { alg: asked.get("alg") ?? "RS256" } },
        };
      },
    },
  },
});

provider.listen(port, "127.0.0.1", () => console.log("ready"));
