import { forget } from "@/api/queries";
import { Facts } from "@/components/Facts";
import { Card, Page } from "@/components/Page";
import { Plain, When } from "@/components/Text";
import { notify } from "@/components/Toasts";
import { Sessions } from "@/pages/users/Sessions";
import { loadSession } from "@/session/api";
import { useSession } from "@/session/hooks";
import { PasswordForm } from "@/session/PasswordForm";

export default function Account() {
  const { user, expires_at } = useSession();
  const done = () => {
    notify("The password is changed. Your other sessions have ended.");
    void loadSession();
    void forget("sessions");
  };
  return (
    <Page title="Your account">
      <div className="gw-two">
        <Card title="You">
          <Facts
            rows={[
              ["Username", <Plain key="u" text={user.username} />],
              ["Role", user.role],
              ["Session ends", <When key="e" iso={expires_at} relative />],
            ]}
          />
        </Card>
        <Card title="Change password">
          <PasswordForm onDone={done} />
        </Card>
      </div>
      <Sessions />
    </Page>
  );
}
