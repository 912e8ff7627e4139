"""Mistakes about the broker with identities: who may use which topics, and who gets a certificate in whose name."""

from typing import Final

from mutants.mutant import CORE, Mutant

_RULES: Final = "core/tests/mqtt/test_access_rules.py"
_TOPICS: Final = "core/tests/mqtt/test_topics.py"
_CERTIFICATES: Final = "core/tests/identity/test_customer_certificates.py"
_AT_THE_BROKER: Final = "integration-tests/test_certificates_at_the_broker.py"
_HOSTILE: Final = "integration-tests/test_hostile_mqtt_clients.py"
_LOCAL: Final = "deploy/local/src/quitanda_local/broker.py"

MUTANTS: Final[tuple[Mutant, ...]] = (
    Mutant(
        "a-customer-reads-all-replies",
        "A customer reads only her own replies.",
        f"{CORE}/mqtt/access_rules.py",
        'TopicRule(Access.READ, reply_topic(_USER, "+"))',
        'TopicRule(Access.READ, reply_topic("+", "+"))',
        (f"{_RULES}::test_nobody_may_do_more",),
    ),
    Mutant(
        "a-client-portal-writes-the-feed",
        "Only replicas write the feed.",
        f"{CORE}/mqtt/access_rules.py",
        "        TopicRule(Access.WRITE, REPLIES_FILTER),",
        "        TopicRule(Access.WRITE, REPLIES_FILTER),\n        TopicRule(Access.WRITE, FEED_TOPIC),",
        (f"{_RULES}::test_nobody_may_do_more",),
    ),
    Mutant(
        "a-process-named-as-a-customer-could-be",
        "The names of processes have a slash, so no customer is taken for one.",
        f"{CORE}/mqtt/access_rules.py",
        'if "/" not in name or not name.isprintable():',
        "if not name.isprintable():",
        (f"{_RULES}::test_no_process_has_a_name_that_a_customer_could_have_or_that_adds_a_line_to_the_list",),
    ),
    Mutant(
        "a-group-that-everybody-knows",
        "With identities the name of the portals' group is secret.",
        f"{CORE}/portal/composition.py",
        "topics.shared_requests_filter(IdentityFolder(settings.identity).request_group())",
        "topics.shared_requests_filter(topics.OPEN_REQUEST_GROUP)",
        ("core/tests/portal/test_composition.py",),
    ),
    Mutant(
        "a-group-in-the-log",
        "The name of the portals' group is shown to nobody.",
        f"{CORE}/mqtt/topics.py",
        'return f"$share/.../{shared}"',
        "return topic_filter",
        (f"{_TOPICS}::test_the_secret_name_of_the_portals_group_is_not_shown",),
    ),
    Mutant(
        "client-ids-that-can-be-guessed",
        "Who knows the id of a client ends its connection.",
        f"{CORE}/mqtt/topics.py",
        'return f"{prefix}-{secrets.token_hex(8)}"',
        "return prefix",
        (f"{_TOPICS}::test_client_ids_differ_each_time_and_a_short_one_fits_every_broker_of_mqtt_3_1_1",),
    ),
    Mutant(
        "the-name-that-the-request-asks-for",
        "A certificate is in the name of who proved to be that customer.",
        f"{CORE}/identity/customer_certificates.py",
        ".subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, customer_id)]))",
        ".subject_name(x509.load_pem_x509_csr(request.encode()).subject)",
        (f"{_CERTIFICATES}::test_what_the_request_asks_for_besides_the_key_is_ignored",),
    ),
    Mutant(
        "a-request-without-the-private-key",
        "Who asks must have the private key.",
        f"{CORE}/identity/customer_certificates.py",
        "if not request.is_signature_valid:",
        "if request.is_signature_valid is None:",
        (f"{_CERTIFICATES}::test_a_request_of_somebody_who_has_not_the_private_key_is_refused",),
    ),
    Mutant(
        "a-certificate-for-servers",
        "A customer's certificate makes nobody a server.",
        f"{CORE}/identity/customer_certificates.py",
        "x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])",
        "x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])",
        (_CERTIFICATES,),
    ),
    Mutant(
        "a-certificate-of-another-customer",
        "A customer gets no certificate in another one's name.",
        f"{CORE}/portal/grpc_servicer.py",
        "            if wrong := self._own(request):\n                raise Rejected(wrong)\n            timeout",
        "            timeout",
        (f"{_AT_THE_BROKER}::test_nobody_gets_a_certificate_of_another_name",),
    ),
    Mutant(
        "retained-messages",
        "The broker keeps no message for who comes later.",
        _LOCAL,
        '        "retain_available false",\n',
        "",
        (f"{_HOSTILE}::test_retained_messages_are_refused_on_every_topic_and_none_is_left_for_who_comes_later",),
    ),
    Mutant(
        "a-broker-without-certificates",
        "The broker lets nobody in without a certificate.",
        _LOCAL,
        '"require_certificate true"',
        '"require_certificate false"',
        (f"{_HOSTILE}::test_nobody_is_let_in_without_a_valid_certificate_for_clients",),
    ),
    Mutant(
        "a-will-that-nobody-asks-about",
        "The Python broker publishes a will without asking whether its client may.",
        "deploy/local/src/quitanda_local/amqtt_access.py",
        "return session.will_topic is None or self._rules.permit(name, Access.WRITE, session.will_topic)",
        "return True",
        (f"{_HOSTILE}::test_a_will_on_topics_of_others_reaches_nobody",),
    ),
)
