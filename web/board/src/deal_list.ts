// A list of deals as far as somebody has looked at it: pages by cursor, each loaded when it comes into sight.
import type { Client, CombinedError } from '@urql/core';
import { useClient } from '@urql/preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { DEALS } from './documents';
import type { Deal } from './documents';
import type { DealsQueryVariables } from './gql/graphql';
import { DATA_MILLISECONDS, useInterval } from './polled';

type Page = { deals: (Deal | null)[]; endCursor: string | null; hasNextPage: boolean };
export type Asked = Pick<DealsQueryVariables, 'filter' | 'orderBy' | 'search' | 'people'>;

export class DealList {
  total: number | undefined;
  error: CombinedError | undefined;
  private pages: Page[] = [];
  private sight: [number, number] = [0, 0];
  private isLoading = false;
  private isOver = false;

  constructor(
    private readonly client: Client,
    private readonly asked: Asked,
    private readonly size: number,
    private readonly changed: () => void,
  ) {}

  /** The deal at a place; null if it cannot be shown, undefined if it is not loaded. */
  at(index: number): Deal | null | undefined {
    return this.pages[Math.floor(index / this.size)]?.deals[index % this.size];
  }

  get isEmpty(): boolean {
    return this.pages[0]?.deals.length === 0;
  }

  /** Says which places are in sight: they are loaded, and kept current. */
  show(first: number, last: number): void {
    this.sight = [first, last];
    void this.load();
  }

  /** Loads what is in sight again, and then all at once shows it. */
  async refresh(): Promise<void> {
    const first = Math.min(Math.floor(this.sight[0] / this.size), this.pages.length - 1);
    const last = Math.min(Math.floor(this.sight[1] / this.size), this.pages.length - 1);
    if (this.isLoading || first < 0) return this.load();
    this.isLoading = true;
    const renewed = this.pages.slice(0, first);
    while (renewed.length <= last && (renewed.at(-1)?.hasNextPage ?? true)) {
      const page = await this.fetch(renewed.at(-1)?.endCursor);
      if (!page) break;
      renewed.push(page);
    }
    if (!this.error) {
      // Those behind begin where the last one ended: if that has moved, they have to be loaded again.
      const isSame = renewed.at(-1)?.endCursor === this.pages[renewed.length - 1]?.endCursor;
      this.pages = isSame ? [...renewed, ...this.pages.slice(renewed.length)] : renewed;
    }
    this.isLoading = false;
    this.changed();
    void this.load();
  }

  /** Stops telling of changes. */
  end(): void {
    this.isOver = true;
  }

  private async load(): Promise<void> {
    if (this.isLoading) return;
    this.isLoading = true;
    while (!this.isOver && this.pages.length * this.size <= this.sight[1]) {
      if (this.pages.at(-1)?.hasNextPage === false) break;
      const page = await this.fetch(this.pages.at(-1)?.endCursor);
      if (page) this.pages.push(page);
      if (!this.isOver) this.changed();
      if (!page) break;
    }
    this.isLoading = false;
  }

  private async fetch(after: string | null | undefined): Promise<Page | undefined> {
    const variables = { ...this.asked, first: this.size, after };
    const { data, error } = await this.client.query(DEALS, variables, { requestPolicy: 'network-only' }).toPromise();
    const found = data?.opportunities;
    this.error = found ? undefined : error;
    if (!found) return undefined;
    this.total = found.totalCount ?? undefined;
    return { deals: found.nodes, ...found.pageInfo };
  }
}

/** Gives a list of deals, and renders again whenever it has changed. What was shown stays until the new one is there. */
export function useDeals(asked: Asked, size: number): { list: DealList; isCurrent: boolean } {
  const client = useClient();
  const [, render] = useState(0);
  const key = JSON.stringify(asked);
  const list = useMemo(() => new DealList(client, asked, size, () => render((one) => one + 1)), [client, key, size]);
  const [shown, setShown] = useState(list);
  useEffect(() => {
    list.show(0, 0);
    return () => list.end();
  }, [list]);
  useEffect(() => {
    if (list.total !== undefined || list.error) setShown(list);
  });
  useInterval(() => void list.refresh(), DATA_MILLISECONDS);
  return { list: shown, isCurrent: shown === list };
}
