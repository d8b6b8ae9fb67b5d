// A windowed list is one stop of the Tab key; inside it arrows move, and rows that are not there yet come into sight.
import type { Virtualizer } from '@tanstack/react-virtual';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

type List = Virtualizer<HTMLElement, Element>;

export function useRoving(list: List, length: number, rowsOfAPage = 8) {
  const [active, setActive] = useState(0);
  const wanted = useRef<number | undefined>(undefined);

  useLayoutEffect(() => {
    if (wanted.current === undefined) return;
    const link = list.scrollElement?.querySelector<HTMLElement>(`[data-index="${wanted.current}"] a`);
    if (!link) return;
    wanted.current = undefined;
    link.focus({ preventScroll: true });
  });

  const move = (index: number) => {
    const next = Math.max(0, Math.min(length - 1, index));
    wanted.current = next;
    setActive(next);
    list.scrollToIndex(next, { align: 'auto' });
  };
  const steps: Record<string, (index: number) => number> = {
    ArrowDown: (index) => index + 1,
    ArrowUp: (index) => index - 1,
    PageDown: (index) => index + rowsOfAPage,
    PageUp: (index) => index - rowsOfAPage,
    Home: () => 0,
    End: () => length - 1,
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = steps[event.key];
    const place = (event.target as HTMLElement).closest<HTMLElement>('[data-index]')?.dataset['index'];
    if (!step || place === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    move(step(Number(place)));
  };
  const rows = list.getVirtualItems();
  const isInSight = rows.some(({ index }) => index === active);
  /** Which row the Tab key stops at. */
  const stop = isInSight ? active : rows[0]?.index;
  return { onKeyDown, stop, setActive };
}
