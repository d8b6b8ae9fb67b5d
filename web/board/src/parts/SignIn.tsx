import { useState } from 'preact/hooks';
import { apiKey, bearer } from '../credential';
import type { Failure } from '../failures';
import { useSession } from '../session';

/** What to do for whom the graph answers nothing. */
export function SignIn({ failure, wasTried }: { failure: Failure; wasTried: boolean }) {
  const { signIn } = useSession();
  const [kind, setKind] = useState<'token' | 'key'>('token');
  const [secret, setSecret] = useState('');
  const label = kind === 'token' ? 'Token' : 'API key';
  const mayNotRead = failure.code === 'FORBIDDEN';
  return (
    <main class="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const text = secret.trim().replace(/^bearer\s+/i, '');
          if (text) signIn(kind === 'token' ? bearer(text) : apiKey(text));
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
          {!mayNotRead && !wasTried && 'The server asks for a token or an API key before it shows deals.'}
        </p>
        <fieldset class="segments">
          <legend class="hidden">Kind of credential</legend>
          {(['token', 'key'] as const).map((one) => (
            <label key={one}>
              <input type="radio" name="kind" checked={kind === one} onChange={() => setKind(one)} />
              <span>{one === 'token' ? 'Token' : 'API key'}</span>
            </label>
          ))}
        </fieldset>
        <label class="field">
          <span>{label}</span>
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
