"""Name the change event of triggers that migrate installed again. It runs no SQL."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('verification', '0003_postgresql_indexes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='changeevent',
            name='action',
            field=models.CharField(choices=[('account_created', 'account created'), ('account_changed', 'account changed'), ('account_paused', 'account paused'), ('account_resumed', 'account resumed'), ('account_deleted', 'account deleted'), ('token_created', 'token created'), ('token_rotated', 'token rotated'), ('token_kept', 'old token kept longer'), ('token_retired', 'token retired'), ('token_revealed', 'token revealed'), ('password_accepted', 'password accepted'), ('signed_in', 'signed in'), ('sign_in_failed', 'sign-in failed'), ('signed_out', 'signed out'), ('user_created', 'user created'), ('user_renamed', 'user renamed'), ('user_deleted', 'user deleted'), ('role_granted', 'role granted'), ('role_revoked', 'role revoked'), ('role_changed', 'role changed'), ('password_changed', 'password changed'), ('second_factor_set_up', 'second factor set up'), ('second_factor_refused', 'second factor refused'), ('second_factor_reset', 'second factor reset'), ('recovery_code_used', 'recovery code used'), ('log_checked', 'log checked'), ('exported', 'log exported'), ('signed_off', 'period signed off'), ('triggers_installed', 'triggers installed again'), ('pruned', 'old records pruned'), ('keys_rotated', 'encryption keys rotated')], max_length=32, verbose_name='what'),
        ),
    ]
