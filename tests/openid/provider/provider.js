// An OpenID provider on a free port of 127.0.0.1. It prints its issuer.
//
// Usage: node provider.js CLIENTS, where CLIENTS is JSON: the clients' metadata.
// Its pages take any name as a login. It delivers log-outs to each client's backchannel_logout_uri.

import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const provider = new Provider(issuer, {
    clients: JSON.parse(process.argv[2]),
    claims: { openid: ['sub', 'sid'] },
    features: { backchannelLogout: { enabled: true } },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
    cookies: { keys: ['signs the cookies of the provider'] },
    pkce: { required: () => false },
  });
  provider.on('backchannel.error', (_, error) => console.error(`back-channel: ${error.message}`));
  server.on('request', provider.callback());
  console.log(issuer);
});
