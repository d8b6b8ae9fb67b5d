import { useState } from 'preact/hooks';

const NAME = 'opportunity-graph.theme';
const THEMES = ['system', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
const ICONS: Record<Theme, string> = {
  system: 'M3 4h14v9H3z M7 16h6',
  light: 'M10 6.5a3.5 3.5 0 1 0 .01 0 M10 1.5v2 M10 16.5v2 M1.5 10h2 M16.5 10h2 M4 4l1.4 1.4 M14.6 14.6L16 16 M16 4l-1.4 1.4 M5.4 14.6L4 16',
  dark: 'M16.5 12.5A7 7 0 0 1 7.5 3.5a7 7 0 1 0 9 9z',
};

/** As the system, light or dark; `public/board/theme.js` sets it before anything is painted. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(
    () => THEMES.find((one) => one === document.documentElement.dataset['theme']) ?? 'system',
  );
  const change = () => {
    const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
    setTheme(next);
    if (next === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = next;
    try {
      if (next === 'system') localStorage.removeItem(NAME);
      else localStorage.setItem(NAME, next);
    } catch {
      // Until the page is left, then.
    }
  };
  return (
    <button type="button" class="icon" onClick={change} aria-label={`Theme: ${theme}`} title={`Theme: ${theme}`}>
      <svg viewBox="0 0 20 20" aria-hidden="true">
        <path d={ICONS[theme]} />
      </svg>
    </button>
  );
}
