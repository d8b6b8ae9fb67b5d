import { useState } from 'preact/hooks';
import { credentialFrom, HEADERS, kindOf } from '../credential';
import type { Failure } from '../failures';
import { useSession } from '../session';

/** What to do for whom the graph answers nothing. */
export function SignIn({ failure, wasTried }: { failure: Failure; wasTried: boolean }) {
  const { credential, signIn } = useSession();
  // Who is refused tries the same kind again: the secret was mistyped, or has expired.
  const [header, setHeader] = useState(credential?.header ?? HEADERS[0]);
  const [secret, setSecret] = useState('');
  const mayNotRead = failure.code === 'FORBIDDEN';
  return (
    <main class="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (secret.trim()) signIn(credentialFrom(header, secret));
        }}
      >
        <h1>Sign in to the pipeline</h1>
        <p role={wasTried ? 'alert' : undefined} class={wasTried ? 'refusal' : undefined}>
          {mayNotRead && wasTried && (
            <>
              This credential may not read deals. It needs the scope <code>opportunities:read</code>.
            </>
          )}
          {mayNotRead && !wasTried && 'The server does not answer callers like you without a credential.'}
          {!mayNotRead && wasTried && 'The server does not accept this credential. It may have expired.'}
          {!mayNotRead && !wasTried && 'The server asks for an API key or a token before it shows deals.'}
        </p>
        <fieldset class="segments">
          <legend class="hidden">Kind of credential</legend>
          {HEADERS.map((one) => (
            <label key={one}>
              <input type="radio" name="kind" checked={header === one} onChange={() => setHeader(one)} />
              <span>{kindOf(one)}</span>
            </label>
          ))}
        </fieldset>
        <label class="field">
          <span>{kindOf(header)}</span>
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={secret}
            onInput={({ currentTarget }) => setSecret(currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary">
          Sign in
        </button>
        <p class="hint">
          It is kept for this tab alone, and forgotten when the tab is closed. To see names and email addresses it needs the
          scope <code>contacts:read</code>, too.
        </p>
      </form>
    </main>
  );
}
