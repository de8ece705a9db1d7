/** The simulated API: what it is asked and what it answers, without any transport. */

export interface ApiRequest {
  readonly method: string;
  /** The path, with or without the leading `/v1`; without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A refusal, as the API words it. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly param?: string;
  readonly code?: string;
  readonly type?: string;
}

export function refuse(message: string, param?: string, code?: string): Refusal {
  return { status: 400, message, ...(param === undefined ? {} : { param }), ...(code === undefined ? {} : { code }) };
}

export function isRefusal(value: object): value is Refusal {
  return 'status' in value && 'message' in value;
}

export function errorBody({ message, type = 'invalid_request_error', param, code }: Refusal): string {
  return JSON.stringify({ error: { message, type, param: param ?? null, code: code ?? null } });
}
