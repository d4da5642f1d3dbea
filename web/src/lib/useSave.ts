/** Saving: one at a time, the errors of fields apart from those of the whole. */

import { useRef, useState } from "react";

import { ApiError, reason } from "@/api/http";

export type FieldErrors = Record<string, string>;

export interface Save {
  /** Runs `work` unless one runs already; true where it ended well. */
  save: (work: () => Promise<void>) => Promise<boolean>;
  busy: boolean;
  /** By field, as the API names it: `extra_backends.0.base_url`. */
  errors: FieldErrors;
  /** What belongs to no field. */
  message: string;
  setErrors: (errors: FieldErrors) => void;
  clear: (field?: string) => void;
}

export function fieldErrors(error: unknown): FieldErrors {
  if (!(error instanceof ApiError)) return {};
  return Object.fromEntries(error.fields.filter((f) => f.field).map((f) => [f.field, f.message]));
}

export function useSave(onError?: (error: unknown) => boolean): Save {
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<FieldErrors>({});
  const [message, setMessage] = useState("");
  const running = useRef(false);

  const save = async (work: () => Promise<void>): Promise<boolean> => {
    if (running.current) return false; // the second click of a double click comes before any re-rendering
    running.current = true;
    setBusy(true);
    setErrors({});
    setMessage("");
    try {
      await work();
      return true;
    } catch (error) {
      if (onError?.(error)) return false;
      const fields = fieldErrors(error);
      setErrors(fields);
      const whole = error instanceof ApiError ? error.fields.find((f) => !f.field)?.message : undefined;
      setMessage(whole ?? reason(error));
      return false;
    } finally {
      running.current = false;
      setBusy(false);
    }
  };

  const clear = (field?: string) => {
    if (field === undefined) setErrors({});
    else setErrors((known) => Object.fromEntries(Object.entries(known).filter(([name]) => name !== field)));
    setMessage("");
  };
  return { save, busy, errors, message, setErrors, clear };
}
