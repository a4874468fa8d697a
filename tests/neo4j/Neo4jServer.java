import static org.neo4j.configuration.GraphDatabaseSettings.DEFAULT_DATABASE_NAME;
import static org.neo4j.configuration.GraphDatabaseSettings.SYSTEM_DATABASE_NAME;

import java.nio.file.Path;
import java.util.Map;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.SettingValueParsers;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.connectors.ConnectorPortRegister;
import org.neo4j.configuration.connectors.ConnectorType;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;
import org.neo4j.kernel.internal.GraphDatabaseAPI;

/**
 * A Neo4j Community server with Bolt on a port of this machine.
 *
 * <p>Arguments: the folder for its data, the size of its page cache (as 512m), the port, 0 for a free
 * one. The first password of user neo4j comes from the environment variable NEO4J_PASSWORD; without
 * it, that of the data stays. Prints one line, {@code ready
 * bolt://127.0.0.1:PORT}, and stops when its standard input ends, so that it never outlives whoever
 * started it.
 */
public final class Neo4jServer {
  public static void main(String[] arguments) throws Exception {
    DatabaseManagementService service =
        new DatabaseManagementServiceBuilder(Path.of(arguments[0]))
            .setConfig(BoltConnector.enabled, true)
            .setConfig(BoltConnector.listen_address, new SocketAddress("127.0.0.1", Integer.parseInt(arguments[2])))
            .setConfig(GraphDatabaseSettings.auth_enabled, true)
            .setConfig(
                GraphDatabaseSettings.pagecache_memory,
                SettingValueParsers.BYTES.parse(arguments[1]))
            .build();
    try {
      if (System.getenv("NEO4J_PASSWORD") != null) {
        // The embedded system database asks for no login: this is how the first password is set.
        service
            .database(SYSTEM_DATABASE_NAME)
            .executeTransactionally(
                "ALTER USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED",
                Map.of("password", System.getenv("NEO4J_PASSWORD")));
      }
      service.database(DEFAULT_DATABASE_NAME).executeTransactionally("RETURN 1");
      System.out.println("ready " + address(service));
      System.out.flush();
      while (System.in.read() >= 0) {
        // wait for the end of input
      }
    } finally {
      service.shutdown();
    }
  }

  private static String address(DatabaseManagementService service) {
    GraphDatabaseAPI database = (GraphDatabaseAPI) service.database(DEFAULT_DATABASE_NAME);
    return "bolt://"
        + database
            .getDependencyResolver()
            .resolveDependency(ConnectorPortRegister.class)
            .getLocalAddress(ConnectorType.BOLT);
  }
}
