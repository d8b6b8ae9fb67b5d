import { render } from 'preact';
import { App } from './App';
import { NavigationProvider } from './navigation';
import { SignIn } from './parts/SignIn';
import { SessionProvider } from './session';
import { SourcesProvider } from './sources';
import './style/index.css';

const root = document.getElementById('root');
if (root) {
  root.replaceChildren();
  render(
    <SessionProvider refused={(failure, wasTried) => <SignIn failure={failure} wasTried={wasTried} />}>
      <SourcesProvider>
        <NavigationProvider>
          <App />
        </NavigationProvider>
      </SourcesProvider>
    </SessionProvider>,
    root,
  );
}
