import { Center, Loader } from "@mantine/core";
import { useEffect } from "react";
import { Router } from "wouter";

import { Toasts } from "@/components/Toasts";
import { Shell } from "@/Shell";
import { loadSession } from "@/session/api";
import { ExpiredDialog } from "@/session/ExpiredDialog";
import { useSessionState } from "@/session/hooks";
import { MustChangePassword } from "@/session/MustChangePassword";
import { SignInPage } from "@/session/SignInPage";

export function App() {
  const state = useSessionState();
  useEffect(() => {
    void loadSession();
  }, []);
  return (
    <>
      {state.kind === "unknown" && (
        <Center h="100dvh" role="status" aria-label="Loading">
          <Loader />
        </Center>
      )}
      {state.kind === "signed-out" && <SignInPage />}
      {(state.kind === "signed-in" || state.kind === "expired") && (
        <Router base="/admin">{state.session.must_change_password ? <MustChangePassword /> : <Shell />}</Router>
      )}
      {state.kind === "expired" && <ExpiredDialog username={state.session.user.username} />}
      <Toasts />
    </>
  );
}
