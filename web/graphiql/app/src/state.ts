// What the parts of the page beside GraphiQL share.
import { create } from 'zustand';
import { type Credential, storedCredential } from './credential';

/** What an error's code is, and where it is described. */
export interface ErrorCode {
  code: string;
  docs: string | null;
}

/** One request and its answer, as far as the answer bar tells of them. */
export interface Exchange {
  status: string;
  isRefused: boolean;
  milliseconds: number;
  bytes: number;
  requestId: string | null;
  errors: ErrorCode[];
}

interface PageState {
  exchange: Exchange | null;
  credential: Credential | null;
  /** Why the schema could not be read; empty where it could, or is being read. */
  schemaProblem: string;
  /** The code whose description is shown. */
  shownCode: string | null;
}

export const usePage = create<PageState>(() => ({
  exchange: null,
  credential: storedCredential(),
  schemaProblem: '',
  shownCode: null,
}));
