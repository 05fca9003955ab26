"""Create the tables of the relay. The release before does not know them, and runs on.

It shows the reasons 10 and 11 as numbers, and exports none.
"""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import verification.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('verification', '0005_undecryptable_token'),
    ]

    operations = [
        migrations.AlterField(
            model_name='changeevent',
            name='action',
            field=models.CharField(choices=[('account_created', 'account created'), ('account_changed', 'account changed'), ('account_paused', 'account paused'), ('account_resumed', 'account resumed'), ('account_deleted', 'account deleted'), ('token_created', 'token created'), ('token_rotated', 'token rotated'), ('token_kept', 'old token kept longer'), ('token_retired', 'token retired'), ('token_revealed', 'token revealed'), ('aes_key_created', 'EncodingAESKey created'), ('aes_key_rotated', 'EncodingAESKey rotated'), ('aes_key_kept', 'old EncodingAESKey kept longer'), ('aes_key_retired', 'EncodingAESKey retired'), ('aes_key_revealed', 'EncodingAESKey revealed'), ('backend_set', 'backend set'), ('backend_changed', 'backend changed'), ('backend_removed', 'backend removed'), ('webhook_secret_rotated', 'webhook secret rotated'), ('webhook_secret_revealed', 'webhook secret revealed'), ('deliveries_retried', 'messages in the spool retried'), ('deliveries_discarded', 'messages in the spool discarded'), ('password_accepted', 'password accepted'), ('signed_in', 'signed in'), ('sign_in_failed', 'sign-in failed'), ('signed_out', 'signed out'), ('user_created', 'user created'), ('user_renamed', 'user renamed'), ('user_deleted', 'user deleted'), ('role_granted', 'role granted'), ('role_revoked', 'role revoked'), ('role_changed', 'role changed'), ('password_changed', 'password changed'), ('second_factor_set_up', 'second factor set up'), ('second_factor_refused', 'second factor refused'), ('second_factor_reset', 'second factor reset'), ('recovery_code_used', 'recovery code used'), ('log_checked', 'log checked'), ('exported', 'log exported'), ('signed_off', 'period signed off'), ('triggers_installed', 'triggers installed again'), ('pruned', 'old records pruned'), ('keys_rotated', 'encryption keys rotated')], max_length=32, verbose_name='what'),
        ),
        migrations.AlterField(
            model_name='verificationattempt',
            name='reason',
            field=models.SmallIntegerField(choices=[(1, 'Signature mismatch'), (2, 'Unknown account'), (3, 'Paused account'), (4, 'No token'), (5, 'Missing parameter'), (6, 'Repeated parameter'), (7, 'Malformed parameter'), (8, 'Method not allowed'), (9, 'Undecryptable token'), (10, 'Message signature mismatch'), (11, 'Undecryptable message')], null=True, verbose_name='reason'),
        ),
        migrations.CreateModel(
            name='Backend',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='backend', serialize=False, to='verification.officialaccount', verbose_name='official account')),
                ('url', models.CharField(max_length=500, verbose_name='backend URL')),
                ('on_failure', models.CharField(choices=[('keep', 'Keep the message and deliver it later'), ('resend', 'Store nothing and let WeChat send it again')], max_length=6, verbose_name='when the backend fails')),
                ('retention_days', models.PositiveSmallIntegerField(default=3, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(30)], verbose_name='days to keep messages in the spool')),
                ('secret', verification.fields.EncryptedTextField(editable=False, verbose_name='webhook secret')),
                ('previous_secret', verification.fields.EncryptedTextField(editable=False, null=True)),
                ('previous_secret_ends_at', models.DateTimeField(editable=False, null=True)),
                ('failures', models.PositiveIntegerField(default=0, editable=False)),
                ('failing_since', models.DateTimeField(editable=False, null=True)),
                ('last_failure', models.SmallIntegerField(choices=[(1, 'Delivered'), (2, 'Unusable reply'), (3, 'Connection refused'), (4, 'Name not found'), (5, 'No answer in time'), (6, 'No secure connection'), (7, 'Connection lost'), (8, 'Answer is not HTTP'), (9, 'Redirect'), (10, 'Refused by the backend'), (11, 'Error of the backend'), (12, 'Reply too large'), (13, 'Forbidden address'), (14, 'Too many at a time'), (15, 'Signature used too often'), (16, 'Loop'), (17, 'Spool full'), (18, 'Encryption key missing')], editable=False, null=True)),
                ('last_failure_status', models.SmallIntegerField(editable=False, null=True)),
                ('next_probe_at', models.DateTimeField(editable=False, null=True)),
                ('last_success_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='since')),
            ],
            options={
                'verbose_name': 'backend',
                'verbose_name_plural': 'backends',
                'permissions': [('set_backend', 'Can set a backend, and rotate its webhook secret'), ('reveal_webhook_secret', 'Can reveal a webhook secret'), ('send_test_message', 'Can send a test message')],
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('url', ''), _negated=True), name='backend_url_not_empty'), models.CheckConstraint(condition=models.Q(('on_failure__in', ['keep', 'resend'])), name='backend_on_failure')],
            },
        ),
        migrations.CreateModel(
            name='AESKey',
            fields=[
                ('fingerprint', models.CharField(editable=False, max_length=6, verbose_name='fingerprint')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='since')),
                ('created_by', models.CharField(editable=False, max_length=150, verbose_name='by')),
                ('superseded_at', models.DateTimeField(editable=False, null=True, verbose_name='superseded')),
                ('expires_at', models.DateTimeField(editable=False, null=True, verbose_name='valid until')),
                ('first_used_at', models.DateTimeField(editable=False, null=True, verbose_name='first used')),
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('secret', verification.fields.EncryptedTextField(editable=False, null=True, verbose_name='EncodingAESKey')),
                ('failed_at', models.DateTimeField(editable=False, null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='aes_keys', to='verification.officialaccount', verbose_name='official account')),
            ],
            options={
                'verbose_name': 'EncodingAESKey',
                'verbose_name_plural': 'EncodingAESKeys',
                'ordering': ['-id'],
                'abstract': False,
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(condition=models.Q(('superseded_at', None)), fields=('account',), name='aeskey_one_current_per_account'), models.CheckConstraint(condition=models.Q(('secret', ''), _negated=True), name='aeskey_secret_not_empty'), models.CheckConstraint(condition=models.Q(('superseded_at__isnull', False), models.Q(('expires_at', None), ('secret__isnull', False)), _connector='OR'), name='aeskey_current_has_secret_and_no_end')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('webhook_id', models.CharField(max_length=32)),
                ('follower', models.CharField(max_length=32)),
                ('request_id', models.UUIDField(verbose_name='request id')),
                ('received_at', models.DateTimeField(verbose_name='received')),
                ('state', models.SmallIntegerField(choices=[(1, 'waiting'), (2, 'dead letter'), (3, 'delivered'), (4, 'discarded'), (5, 'expired')], default=1, verbose_name='state')),
                ('size', models.IntegerField(verbose_name='bytes')),
                ('payload', models.BinaryField(null=True)),
                ('attempts', models.SmallIntegerField(default=0, verbose_name='attempts')),
                ('due_at', models.DateTimeField(verbose_name='next attempt')),
                ('leased_until', models.DateTimeField(null=True)),
                ('last_result', models.SmallIntegerField(choices=[(1, 'Delivered'), (2, 'Unusable reply'), (3, 'Connection refused'), (4, 'Name not found'), (5, 'No answer in time'), (6, 'No secure connection'), (7, 'Connection lost'), (8, 'Answer is not HTTP'), (9, 'Redirect'), (10, 'Refused by the backend'), (11, 'Error of the backend'), (12, 'Reply too large'), (13, 'Forbidden address'), (14, 'Too many at a time'), (15, 'Signature used too often'), (16, 'Loop'), (17, 'Spool full'), (18, 'Encryption key missing')], null=True, verbose_name='reason')),
                ('last_status', models.SmallIntegerField(null=True, verbose_name='status')),
                ('last_attempt_at', models.DateTimeField(null=True)),
                ('settled_at', models.DateTimeField(null=True)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='verification.officialaccount', verbose_name='official account')),
            ],
            options={
                'verbose_name': 'message in the spool',
                'verbose_name_plural': 'messages in the spool',
                'ordering': ['-id'],
                'permissions': [('manage_delivery', 'Can retry and discard messages in the spool')],
                'default_permissions': ('view',),
                'indexes': [models.Index(condition=models.Q(('state', 1)), fields=['account', 'follower', 'id'], name='delivery_by_follower'), models.Index(condition=models.Q(('state', 1)), fields=['account', 'due_at', 'id'], name='delivery_due'), models.Index(condition=models.Q(('state__in', [1, 2])), fields=['account', 'state'], name='delivery_stored'), models.Index(condition=models.Q(('settled_at__isnull', False)), fields=['settled_at'], name='delivery_settled')],
                'constraints': [models.UniqueConstraint(models.F('account'), models.F('webhook_id'), name='delivery_one_per_message'), models.CheckConstraint(condition=models.Q(models.Q(('payload__isnull', False), ('state__in', [1, 2])), models.Q(('payload__isnull', True), ('state__in', [3, 4, 5])), _connector='OR'), name='delivery_has_payload_while_stored')],
            },
        ),
        migrations.CreateModel(
            name='DeliveryTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('period', models.DateTimeField()),
                ('result', models.SmallIntegerField(choices=[(1, 'Delivered'), (2, 'Unusable reply'), (3, 'Connection refused'), (4, 'Name not found'), (5, 'No answer in time'), (6, 'No secure connection'), (7, 'Connection lost'), (8, 'Answer is not HTTP'), (9, 'Redirect'), (10, 'Refused by the backend'), (11, 'Error of the backend'), (12, 'Reply too large'), (13, 'Forbidden address'), (14, 'Too many at a time'), (15, 'Signature used too often'), (16, 'Loop'), (17, 'Spool full'), (18, 'Encryption key missing')])),
                ('status', models.SmallIntegerField(default=0)),
                ('bucket', models.SmallIntegerField()),
                ('count', models.IntegerField()),
                ('last_at', models.DateTimeField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='verification.officialaccount')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(models.F('account'), models.F('period'), models.F('result'), models.F('status'), models.F('bucket'), name='delivery_tally_key')],
            },
        ),
    ]
