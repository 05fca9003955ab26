"""Chain the change events, and let them hold digests of the accounts that they change.

The release before writes events while this one starts: they get the defaults, and are unsigned.
"""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("verification", "0009_pending_reveal")]

    operations = [
        migrations.AlterField(
            model_name='changeevent',
            name='action',
            field=models.CharField(choices=[('account_created', 'account created'), ('account_changed', 'account changed'), ('account_paused', 'account paused'), ('account_resumed', 'account resumed'), ('account_deleted', 'account deleted'), ('token_created', 'token created'), ('token_rotated', 'token rotated'), ('token_kept', 'old token kept longer'), ('token_retired', 'token retired'), ('token_revealed', 'token revealed'), ('aes_key_created', 'EncodingAESKey created'), ('aes_key_rotated', 'EncodingAESKey rotated'), ('aes_key_kept', 'old EncodingAESKey kept longer'), ('aes_key_retired', 'EncodingAESKey retired'), ('aes_key_revealed', 'EncodingAESKey revealed'), ('backend_set', 'backend set'), ('backend_changed', 'backend changed'), ('backend_removed', 'backend removed'), ('webhook_secret_rotated', 'webhook secret rotated'), ('webhook_secret_revealed', 'webhook secret revealed'), ('deliveries_retried', 'messages in the spool retried'), ('deliveries_discarded', 'messages in the spool discarded'), ('password_accepted', 'password accepted'), ('signed_in', 'signed in'), ('sign_in_failed', 'sign-in failed'), ('signed_out', 'signed out'), ('user_created', 'user created'), ('user_renamed', 'user renamed'), ('user_deleted', 'user deleted'), ('role_granted', 'role granted'), ('role_revoked', 'role revoked'), ('role_changed', 'role changed'), ('password_changed', 'password changed'), ('second_factor_set_up', 'second factor set up'), ('second_factor_refused', 'second factor refused'), ('second_factor_reset', 'second factor reset'), ('recovery_code_used', 'recovery code used'), ('log_checked', 'log checked'), ('exported', 'log exported'), ('signed_off', 'period signed off'), ('triggers_installed', 'triggers installed again'), ('pruned', 'old records pruned'), ('keys_rotated', 'encryption keys rotated'), ('accounts_recorded', 'accounts recorded')], max_length=32, verbose_name='what'),
        ),
        migrations.AddField(
            "ChangeEvent",
            "key_id",
            models.CharField("key", max_length=8, db_default=""),
        ),
        migrations.AddField(
            "ChangeEvent", "mac", models.BinaryField("MAC", max_length=32, null=True)
        ),
        migrations.AddField(
            "ChangeEvent", "previous", models.BinaryField(max_length=32, null=True)
        ),
        migrations.AddField("ChangeEvent", "account_digests", models.JSONField(null=True)),
    ]
