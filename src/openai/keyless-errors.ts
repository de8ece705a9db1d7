/** Makes the errors of a client, none of which repeats a key. */
import type { ApiLabel } from './catalogue.ts';
import { ApiError, type ApiErrorDetails, causeWithout, presentable } from './errors.ts';

/** The part of the API that was asked for. */
export interface Target {
  readonly api: ApiLabel;
  readonly path: string;
}

export interface KeylessErrors {
  /** Takes note of a key that is going to be sent. */
  hide(secret: string): void;
  /** Returns text of somebody else as it may be shown. */
  presentable(text: string, most?: number): string;
  make(target: Target, details: Omit<ApiErrorDetails, 'api' | 'path'>): ApiError;
}

/** @param now the time, UTC milliseconds */
export function createKeylessErrors(now: () => number): KeylessErrors {
  /** The keys used last: an answer to the old one can come, and repeat it, when there is a new one already. */
  let secrets: readonly string[] = [];
  const shown = (text: string, most?: number) => presentable(text, secrets, most);
  return {
    hide(secret) {
      if (secrets[0] !== secret) secrets = [secret, ...secrets].slice(0, 3);
    },
    presentable: shown,
    make({ api, path }, { cause, detail, code, param, requestId, ...rest }) {
      return new ApiError({
        api,
        path,
        ...rest,
        detail: shown(detail),
        code: code === undefined ? undefined : shown(code, 100),
        param: param === undefined ? undefined : shown(param, 100),
        requestId: requestId === undefined ? undefined : shown(requestId, 100),
        until: rest.retryAfterMs === undefined ? undefined : now() + rest.retryAfterMs,
        ...(cause === undefined ? {} : { cause: causeWithout(secrets, cause) }),
      });
    },
  };
}
