// Above GraphiQL: who is signed in, and what is missing where the schema could not be read.
import { type FormEvent, useState } from 'react';
import { aKindOf, credentialFrom, type Credential, keepCredential, kindOf } from './credential';
import { page } from './page';
import { usePage } from './state';

export function SignIn() {
  const { credential, schemaProblem } = usePage();
  const [header, setHeader] = useState(credential?.header ?? page.credentials[0]);
  const [secret, setSecret] = useState('');
  if (!page.credentials.length && !schemaProblem) return null;

  const use = (next: Credential | null) => {
    keepCredential(next);
    usePage.setState({ credential: next, schemaProblem: '' });
    setSecret('');
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (secret.trim()) use(credentialFrom(header, secret));
  };
  const kind = kindOf(header ?? '');
  return (
    <section className="sign-in" aria-label="Signing in">
      {page.credentials.length > 0 &&
        (credential ? (
          <p>
            Signed in with {aKindOf(credential.header)}, in this tab.{' '}
            <button type="button" onClick={() => use(null)}>
              Sign out
            </button>
          </p>
        ) : (
          <form onSubmit={submit}>
            {page.credentials.length > 1 && (
              <select aria-label="Kind of credential" value={header} onChange={(event) => setHeader(event.target.value)}>
                {page.credentials.map((name) => (
                  <option key={name} value={name}>
                    {kindOf(name)}
                  </option>
                ))}
              </select>
            )}
            <input
              type="password"
              autoComplete="off"
              aria-label={kind === 'token' ? 'Token' : 'API key'}
              placeholder={kind === 'token' ? 'Token' : 'API key'}
              value={secret}
              onChange={(event) => setSecret(event.target.value)}
            />
            <button type="submit">Sign in</button>
            <small>Kept for this tab, until it is closed.</small>
          </form>
        ))}
      {schemaProblem && <p role="alert">{schemaProblem}</p>}
    </section>
  );
}
