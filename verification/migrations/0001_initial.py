"""Create the accounts, the tokens and the sealed log."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.utils.timezone
import verification.fields
import verification.models.account
import verification.models.change_event
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('verification', '0001_accounts_tokens_and_the_sealed_log'),
        ('verification', '0002_second_factor'),
        ('verification', '0004_change_log_knows_tokens_kept_longer'),
        ('verification', '0005_change_log_knows_recovery_codes'),
        ('verification', '0006_change_events_hold_facts'),
        ('verification', '0007_change_log_knows_passwords_accepted_and_renamings'),
        ('verification', '0009_the_change_log_knows_checks_of_the_log'),
        ('verification', '0010_a_checkpoint_stands_for_what_was_pruned'),
        ('verification', '0011_periods_can_be_signed_off'),
        ('verification', '0014_watch_remembers_what_it_told'),
        ('verification', '0015_a_checkpoint_says_who_pruned_and_when'),
        ('verification', '0017_the_last_tally_of_an_account_is_found_at_once'),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=64, unique=True)),
                ('title', models.CharField(max_length=200)),
                ('text', models.CharField(max_length=1000)),
                ('link', models.CharField(max_length=200)),
                ('began_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
                ('told_at', models.DateTimeField(null=True)),
                ('is_over', models.BooleanField(default=False)),
                ('waiting', models.JSONField(default=list)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Checkpoint',
            fields=[
                ('last_seal_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('last_attempt_id', models.BigIntegerField()),
                ('recorded_at', models.DateTimeField()),
                ('pruned_at', models.DateTimeField()),
                ('actor', models.CharField(max_length=150)),
                ('key_id', models.CharField(max_length=8)),
                ('digest', models.BinaryField(max_length=32)),
                ('mac', models.BinaryField(max_length=32)),
            ],
            options={
                'verbose_name': 'checkpoint',
                'verbose_name_plural': 'checkpoint',
                'ordering': ['-last_seal_id'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='ChainHead',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('last_attempt_id', models.BigIntegerField(default=0)),
                ('last_seal_id', models.BigIntegerField(default=0)),
                ('last_digest', models.BinaryField(default=b'\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00', max_length=32)),
                ('last_recorded_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'chain head',
                'verbose_name_plural': 'chain head',
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='chain_head_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='OfficialAccount',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='The name that your colleagues use. Only shown in this admin.', max_length=100, verbose_name='name')),
                ('slug', models.CharField(default=verification.models.account.random_slug, help_text='The last part of the server URL. It cannot change once the URL has been called.', max_length=40, unique=True, validators=[django.core.validators.RegexValidator('\\A[a-z0-9-]{1,40}\\Z', 'Use 1 to 40 lower-case letters a–z, digits and hyphens.')], verbose_name='slug')),
                ('app_id', models.CharField(blank=True, max_length=40, verbose_name='AppID')),
                ('original_id', models.CharField(blank=True, max_length=40, verbose_name='original ID')),
                ('is_paused', models.BooleanField(default=False, editable=False, verbose_name='paused')),
                ('answers_at_root', models.BooleanField(default=True, help_text='WeChat may call the server without /wechat/ and the slug as well.', verbose_name='also accept calls at the bare domain')),
                ('notes', models.TextField(blank=True, verbose_name='notes')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
            ],
            options={
                'verbose_name': 'official account',
                'verbose_name_plural': 'official accounts',
                'ordering': ['name', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('slug__regex', '\\A[a-z0-9-]{1,40}\\Z')), name='official_account_slug_shape')],
            },
        ),
        migrations.CreateModel(
            name='ChangeEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('recorded_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now, verbose_name='time')),
                ('actor', models.CharField(max_length=150, verbose_name='who')),
                ('action', models.CharField(choices=[('account_created', 'account created'), ('account_changed', 'account changed'), ('account_paused', 'account paused'), ('account_resumed', 'account resumed'), ('account_deleted', 'account deleted'), ('token_created', 'token created'), ('token_rotated', 'token rotated'), ('token_kept', 'old token kept longer'), ('token_retired', 'token retired'), ('token_revealed', 'token revealed'), ('password_accepted', 'password accepted'), ('signed_in', 'signed in'), ('sign_in_failed', 'sign-in failed'), ('signed_out', 'signed out'), ('user_created', 'user created'), ('user_renamed', 'user renamed'), ('user_deleted', 'user deleted'), ('role_granted', 'role granted'), ('role_revoked', 'role revoked'), ('role_changed', 'role changed'), ('password_changed', 'password changed'), ('second_factor_set_up', 'second factor set up'), ('second_factor_refused', 'second factor refused'), ('second_factor_reset', 'second factor reset'), ('recovery_code_used', 'recovery code used'), ('log_checked', 'log checked'), ('exported', 'log exported'), ('signed_off', 'period signed off'), ('pruned', 'old records pruned'), ('keys_rotated', 'encryption keys rotated')], max_length=32, verbose_name='what')),
                ('token_fingerprint', models.CharField(blank=True, max_length=6, verbose_name='fingerprint')),
                ('detail', models.CharField(blank=True, max_length=200, verbose_name='detail')),
                ('client_ip', models.GenericIPAddressField(null=True, verbose_name='source IP')),
                ('account', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='change_events', to='verification.officialaccount', verbose_name='official account')),
                ('facts', models.JSONField(default=dict, encoder=verification.models.change_event.FactsEncoder, verbose_name='facts')),
            ],
            options={
                'verbose_name': 'change event',
                'verbose_name_plural': 'change log',
                'ordering': ['-id'],
                'default_permissions': ('view',),
            },
        ),
        migrations.CreateModel(
            name='Seal',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('first_id', models.BigIntegerField(verbose_name='first attempt')),
                ('count', models.IntegerField(verbose_name='attempts')),
                ('version', models.SmallIntegerField(verbose_name='version')),
                ('key_id', models.CharField(max_length=8, verbose_name='key')),
                ('digest', models.BinaryField(max_length=32, verbose_name='digest')),
                ('mac', models.BinaryField(max_length=32, verbose_name='MAC')),
            ],
            options={
                'verbose_name': 'seal',
                'verbose_name_plural': 'seals',
                'ordering': ['-id'],
                'default_permissions': ('view',),
                'constraints': [models.CheckConstraint(condition=models.Q(('count__gte', 1)), name='seal_covers_something')],
            },
        ),
        migrations.CreateModel(
            name='Token',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('secret', verification.fields.EncryptedTextField(editable=False, null=True, verbose_name='token')),
                ('fingerprint', models.CharField(editable=False, max_length=6, verbose_name='fingerprint')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='since')),
                ('created_by', models.CharField(editable=False, max_length=150, verbose_name='by')),
                ('superseded_at', models.DateTimeField(editable=False, null=True, verbose_name='superseded')),
                ('expires_at', models.DateTimeField(editable=False, null=True, verbose_name='valid until')),
                ('first_used_at', models.DateTimeField(editable=False, null=True, verbose_name='first used')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to='verification.officialaccount', verbose_name='official account')),
            ],
            options={
                'verbose_name': 'token',
                'verbose_name_plural': 'tokens',
                'ordering': ['-id'],
                'permissions': [('reveal_token', 'Can reveal a token'), ('rotate_token', 'Can rotate a token')],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='TotpDevice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='The human-readable name of this device.', max_length=64)),
                ('confirmed', models.BooleanField(default=True, help_text='Is this device ready for use?')),
                ('throttling_failure_timestamp', models.DateTimeField(blank=True, default=None, help_text='A timestamp of the last failed verification attempt. Null if last attempt succeeded.', null=True)),
                ('throttling_failure_count', models.PositiveIntegerField(default=0, help_text='Number of successive failed attempts.')),
                ('seed', verification.fields.EncryptedTextField(editable=False, verbose_name='seed')),
                ('drift', models.SmallIntegerField(default=0)),
                ('last_step', models.BigIntegerField(default=-1)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.ForeignKey(help_text='The user that this device belongs to.', on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'authenticator',
                'verbose_name_plural': 'authenticators',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('device', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recovery_codes', to='verification.totpdevice')),
            ],
            options={
                'verbose_name': 'recovery code',
                'verbose_name_plural': 'recovery codes',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='VerificationAttempt',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(verbose_name='time')),
                ('duration', models.IntegerField(help_text='Microseconds until the attempt was recorded.', verbose_name='answered in')),
                ('clock_skew', models.IntegerField(null=True, verbose_name='clock difference')),
                ('occurrences', models.IntegerField(default=1, verbose_name='occurrences')),
                ('kind', models.SmallIntegerField(choices=[(1, 'URL verification'), (2, 'Message push'), (3, 'Self-test')], verbose_name='kind')),
                ('method', models.SmallIntegerField(choices=[(0, 'OTHER'), (1, 'GET'), (2, 'POST'), (3, 'HEAD'), (4, 'PUT'), (5, 'PATCH'), (6, 'DELETE'), (7, 'OPTIONS'), (8, 'TRACE'), (9, 'CONNECT')], verbose_name='method')),
                ('outcome', models.SmallIntegerField(choices=[(1, 'Accepted'), (2, 'Refused')], verbose_name='outcome')),
                ('reason', models.SmallIntegerField(choices=[(1, 'Signature mismatch'), (2, 'Unknown account'), (3, 'Paused account'), (4, 'No token'), (5, 'Missing parameter'), (6, 'Repeated parameter'), (7, 'Malformed parameter'), (8, 'Method not allowed')], null=True, verbose_name='reason')),
                ('status', models.SmallIntegerField(verbose_name='status')),
                ('marks', models.SmallIntegerField(verbose_name='marks')),
                ('request_id', models.UUIDField(verbose_name='request id')),
                ('signature', models.BinaryField(max_length=20, null=True, verbose_name='signature')),
                ('client_ip', models.GenericIPAddressField(null=True, verbose_name='source IP')),
                ('detail', models.CharField(max_length=32, verbose_name='detail')),
                ('path_slug', models.CharField(max_length=40, verbose_name='path')),
                ('timestamp', models.CharField(max_length=20, verbose_name='timestamp')),
                ('nonce', models.CharField(max_length=128, verbose_name='nonce')),
                ('echostr', models.CharField(max_length=256, verbose_name='echostr')),
                ('user_agent', models.CharField(max_length=200, verbose_name='user agent')),
                ('host', models.CharField(max_length=100, verbose_name='host')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='verification.officialaccount', verbose_name='official account')),
                ('seal', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='verification.seal', verbose_name='seal')),
                ('token', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='verification.token', verbose_name='token')),
            ],
            options={
                'verbose_name': 'verification attempt',
                'verbose_name_plural': 'verification attempts',
                'ordering': ['-id'],
                'permissions': [('export_attempts', 'Can export the log'), ('sign_off', 'Can sign off a period of the log')],
                'default_permissions': ('view',),
            },
        ),
        migrations.CreateModel(
            name='WatchPosition',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('began_at', models.DateTimeField()),
                ('last_attempt_id', models.BigIntegerField(default=0)),
                ('last_seal_id', models.BigIntegerField(default=0)),
                ('last_digest', models.BinaryField(default=bytes, max_length=32)),
                ('sent', models.JSONField(default=dict)),
                ('holder', models.CharField(default='', max_length=32)),
                ('held_until', models.DateTimeField(null=True)),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='watch_position_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hour', models.DateTimeField(verbose_name='hour')),
                ('kind', models.SmallIntegerField(choices=[(1, 'URL verification'), (2, 'Message push'), (3, 'Self-test')], verbose_name='kind')),
                ('outcome', models.SmallIntegerField(choices=[(1, 'Accepted'), (2, 'Refused')], verbose_name='outcome')),
                ('count', models.BigIntegerField(verbose_name='count')),
                ('last_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='last')),
                ('account', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tallies', to='verification.officialaccount', verbose_name='official account')),
                ('noise', models.BigIntegerField(db_default=0, verbose_name='internet noise')),
            ],
            options={
                'verbose_name': 'tally',
                'verbose_name_plural': 'tallies',
                'ordering': ['-hour', 'account', 'kind', 'outcome'],
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['hour'], name='tally_hour')],
                'constraints': [models.UniqueConstraint(django.db.models.functions.comparison.Coalesce('account', 0), models.F('kind'), models.F('outcome'), models.F('hour'), name='tally_one_an_hour'), models.CheckConstraint(condition=models.Q(('count__gte', 1)), name='tally_counts_something')],
            },
        ),
        migrations.AddConstraint(
            model_name='token',
            constraint=models.UniqueConstraint(condition=models.Q(('superseded_at', None)), fields=('account',), name='token_one_current_per_account'),
        ),
        migrations.AddConstraint(
            model_name='token',
            constraint=models.CheckConstraint(condition=models.Q(('secret', ''), _negated=True), name='token_secret_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='token',
            constraint=models.CheckConstraint(condition=models.Q(('superseded_at__isnull', False), models.Q(('expires_at', None), ('secret__isnull', False)), _connector='OR'), name='token_current_has_secret_and_no_end'),
        ),
        migrations.AddConstraint(
            model_name='totpdevice',
            constraint=models.UniqueConstraint(fields=('user',), name='totp_device_one_per_user'),
        ),
        migrations.AddConstraint(
            model_name='totpdevice',
            constraint=models.CheckConstraint(condition=models.Q(('seed', ''), _negated=True), name='totp_device_has_a_seed'),
        ),
        migrations.AddConstraint(
            model_name='verificationattempt',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('account__isnull', False), ('outcome', 1), ('reason', None)), models.Q(('outcome', 2), ('reason__isnull', False)), _connector='OR'), name='attempt_refused_with_reason'),
        ),
        migrations.AddConstraint(
            model_name='verificationattempt',
            constraint=models.CheckConstraint(condition=models.Q(('occurrences__gte', 1)), name='attempt_occurs_at_least_once'),
        ),
    ]
